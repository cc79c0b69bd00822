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

# Rows a second, bytes a row, milliseconds a question: make bench-store [ROWS=2000000].
noinst_PROGRAMS += tests/bench/bench-store
tests_bench_bench_store_SOURCES = tests/bench/bench_store.c
tests_bench_bench_store_LDADD = $(store_ldadd)
bench-store: tests/bench/bench-store
	rm -f tests/bench/store.db*
	tests/bench/bench-store write tests/bench/store.db $(ROWS)
	tests/bench/bench-store ask tests/bench/store.db
	rm -f tests/bench/store.db*
.PHONY: bench-store
