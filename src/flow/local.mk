# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_flow_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/flow/local.mk. Libraries: the layers in Makefile.am.
libew_flow_a_CPPFLAGS = $(AM_CPPFLAGS) $(XXHASH_CFLAGS) $(CRYPTO_CFLAGS)
libew_flow_a_SOURCES =
libew_flow_a_SOURCES += %D%/event.h
libew_flow_a_SOURCES += %D%/connlog.h
libew_flow_a_SOURCES += %D%/flow.h
