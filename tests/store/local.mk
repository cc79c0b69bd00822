# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_store_check_store_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=store). It can use src/store and the layers below it, no more.
tests_store_check_store_CPPFLAGS = $(test_cppflags) $(SQLITE_CFLAGS)
tests_store_check_store_LDADD = $(test_ldadd) $(store_ldadd)
tests_store_check_store_SOURCES =
tests_store_check_store_SOURCES += %D%/shelf.c %D%/shelf.h
tests_store_check_store_SOURCES += %D%/test_store.c
tests_store_check_store_SOURCES += %D%/test_reader.c
tests_store_check_store_SOURCES += %D%/test_query.c
tests_store_check_store_SOURCES += %D%/test_durable.c
