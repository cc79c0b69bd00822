# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_capture_check_capture_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=capture). It can use src/capture and the layers below it, no more.
tests_capture_check_capture_CPPFLAGS = $(test_cppflags) $(PCAP_CFLAGS)
tests_capture_check_capture_LDADD = $(test_ldadd) $(capture_ldadd)
tests_capture_check_capture_SOURCES =
tests_capture_check_capture_SOURCES += %D%/test_filter.c
tests_capture_check_capture_SOURCES += %D%/test_merge.c
tests_capture_check_capture_SOURCES += %D%/build.h
tests_capture_check_capture_SOURCES += %D%/test_file.c

# The capture stage alone, for tests/integration/12-capture.py.
noinst_PROGRAMS = %D%/capture-probe
tests_capture_capture_probe_SOURCES = %D%/probe.c
tests_capture_capture_probe_LDADD = $(capture_ldadd)

# What watching costs: make bench-live [ARGS='--rounds 5 --loads short'], as root.
noinst_PROGRAMS += tests/bench/bench-load
tests_bench_bench_load_SOURCES = tests/bench/load.c
bench-live: all
	EW_SRCDIR='$(abs_top_srcdir)' EW_BUILDDIR='$(abs_top_builddir)' \
		$(PYTHON3) '$(abs_top_srcdir)/tests/bench/live.py' $(ARGS)
.PHONY: bench-live
EXTRA_DIST += tests/bench/live.py
