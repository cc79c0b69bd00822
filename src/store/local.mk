# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_store_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/store/local.mk. Libraries: the layers in Makefile.am.
libew_store_a_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
libew_store_a_SOURCES =
libew_store_a_SOURCES += %D%/schema_sql_priv.h
