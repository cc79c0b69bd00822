# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_base_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/base/local.mk. Libraries: the layers in Makefile.am.
libew_base_a_CPPFLAGS = $(AM_CPPFLAGS) $(XXHASH_CFLAGS)
libew_base_a_SOURCES =
libew_base_a_SOURCES += %D%/addr.c %D%/addr.h
libew_base_a_SOURCES += %D%/alloc.c %D%/alloc.h
libew_base_a_SOURCES += %D%/counter.h
libew_base_a_SOURCES += %D%/cursor.h
libew_base_a_SOURCES += %D%/err.c %D%/err.h
libew_base_a_SOURCES += %D%/hash.c %D%/hash.h
libew_base_a_SOURCES += %D%/log.c %D%/log.h
libew_base_a_SOURCES += %D%/ring.c %D%/ring.h
libew_base_a_SOURCES += %D%/text.c %D%/text.h
libew_base_a_SOURCES += %D%/time.c %D%/time.h
EXTRA_DIST += %D%/README.md
