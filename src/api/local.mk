# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_api_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/api/local.mk. Libraries: the layers in Makefile.am.
libew_api_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
libew_api_a_SOURCES =
libew_api_a_SOURCES += %D%/api.h
libew_api_a_SOURCES += %D%/control.c %D%/control_priv.h
libew_api_a_SOURCES += %D%/control_read.c
EXTRA_DIST += %D%/README.md
