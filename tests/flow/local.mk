# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_flow_check_flow_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=flow). It can use src/flow and the layers below it, no more.
tests_flow_check_flow_CPPFLAGS = $(test_cppflags) $(XXHASH_CFLAGS) $(CRYPTO_CFLAGS)
tests_flow_check_flow_LDADD = $(test_ldadd) $(flow_ldadd)
tests_flow_check_flow_SOURCES =
tests_flow_check_flow_SOURCES += %D%/test_tcp.c
tests_flow_check_flow_SOURCES += %D%/test_events.c
tests_flow_check_flow_SOURCES += %D%/test_datagram.c
tests_flow_check_flow_SOURCES += %D%/harness.h
tests_flow_check_flow_SOURCES += %D%/test_points.c
tests_flow_check_flow_SOURCES += %D%/test_table.c
tests_flow_check_flow_SOURCES += %D%/test_text.c
tests_flow_check_flow_SOURCES += %D%/test_agree.c
EXTRA_DIST += tests/data/traces

# What tracking costs: make bench [ARGS='--rounds 5 mixed churn bulk flood memory'].
noinst_PROGRAMS += tests/bench/bench-flows tests/bench/bench-floor tests/bench/bench-generate
tests_bench_bench_flows_SOURCES = tests/bench/bench_flows.c
tests_bench_bench_flows_LDADD = $(flow_ldadd)
tests_bench_bench_floor_SOURCES = tests/bench/bench_floor.c
tests_bench_bench_floor_CPPFLAGS = $(AM_CPPFLAGS) $(PCAP_CFLAGS)
tests_bench_bench_floor_LDADD = $(PCAP_LIBS)
tests_bench_bench_generate_SOURCES = tests/bench/bench_generate.c
dist_noinst_SCRIPTS += tests/bench/run
