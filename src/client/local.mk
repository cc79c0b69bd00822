# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_client_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/client/local.mk. Libraries: the layers in Makefile.am.
libew_client_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
libew_client_a_SOURCES =
libew_client_a_SOURCES += %D%/client.c
EXTRA_DIST += %D%/README.md
