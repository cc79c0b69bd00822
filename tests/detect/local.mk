# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_detect_check_detect_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=detect). It can use src/detect and the layers below it, no more.
tests_detect_check_detect_CPPFLAGS = $(test_cppflags)
tests_detect_check_detect_LDADD = $(test_ldadd) $(detect_ldadd)
tests_detect_check_detect_SOURCES =
tests_detect_check_detect_SOURCES += %D%/test_score.c
tests_detect_check_detect_SOURCES += %D%/test_detectors.c
tests_detect_check_detect_SOURCES += %D%/test_scan.c
tests_detect_check_detect_SOURCES += %D%/watch.h
tests_detect_check_detect_SOURCES += %D%/test_link.c
tests_detect_check_detect_SOURCES += %D%/test_context.c
tests_detect_check_detect_SOURCES += %D%/test_volume.c
tests_detect_check_detect_SOURCES += %D%/test_channel.c
tests_detect_check_detect_SOURCES += %D%/test_pages.c

# Not run by make check: cost of graph and detect per flow event.
noinst_PROGRAMS += tests/bench/detect-bench
tests_bench_detect_bench_CPPFLAGS = $(test_cppflags)
tests_bench_detect_bench_SOURCES = tests/bench/detect_bench.c
tests_bench_detect_bench_LDADD = $(detect_ldadd)
