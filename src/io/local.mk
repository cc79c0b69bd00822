# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_io_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/io/local.mk. Libraries: the layers in Makefile.am.
libew_io_a_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS) $(CURL_CFLAGS)
libew_io_a_SOURCES =
libew_io_a_SOURCES += %D%/http_client.c %D%/http_client.h
libew_io_a_SOURCES += %D%/loop.c %D%/loop.h
libew_io_a_SOURCES += %D%/notify.c %D%/notify.h
libew_io_a_SOURCES += %D%/line.c %D%/line.h
EXTRA_DIST += %D%/README.md
