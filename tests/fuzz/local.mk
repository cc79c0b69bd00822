# SPDX-License-Identifier: Apache-2.0
# A target per parser: fuzz_NAME.c defines LLVMFuzzerTestOneInput(), corpus/NAME/ keeps inputs
# that make check replays without a fuzzing engine. A new target is these three lines:
#   fuzz_programs += %D%/fuzz_decode
#   tests_fuzz_fuzz_decode_SOURCES = %D%/fuzz_decode.c
#   tests_fuzz_fuzz_decode_LDADD = $(fuzz_ldadd) $(decode_ldadd)
# make fuzz (configure CC=clang --enable-fuzzer) runs each for FUZZ_SECONDS (default 60).
fuzz_programs =
fuzz_programs += %D%/fuzz_capture_file
tests_fuzz_fuzz_capture_file_SOURCES = %D%/fuzz_capture_file.c
tests_fuzz_fuzz_capture_file_LDADD = $(fuzz_ldadd) $(capture_ldadd)
fuzz_programs += %D%/fuzz_proc_message
tests_fuzz_fuzz_proc_message_SOURCES = %D%/fuzz_proc_message.c
tests_fuzz_fuzz_proc_message_LDADD = $(fuzz_ldadd) $(proc_ldadd)
fuzz_programs += %D%/fuzz_docker
tests_fuzz_fuzz_docker_SOURCES = %D%/fuzz_docker.c
tests_fuzz_fuzz_docker_LDADD = $(fuzz_ldadd) $(proc_ldadd)
fuzz_programs += %D%/fuzz_inventory
tests_fuzz_fuzz_inventory_SOURCES = %D%/fuzz_inventory.c
tests_fuzz_fuzz_inventory_LDADD = $(fuzz_ldadd) $(proc_ldadd)
fuzz_programs += %D%/fuzz_config
tests_fuzz_fuzz_config_SOURCES = %D%/fuzz_config.c
tests_fuzz_fuzz_config_LDADD = $(fuzz_ldadd) $(daemon_ldadd)
fuzz_programs += %D%/fuzz_control
tests_fuzz_fuzz_control_SOURCES = %D%/fuzz_control.c
tests_fuzz_fuzz_control_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_control_LDADD = $(fuzz_ldadd) $(api_ldadd)
fuzz_programs += %D%/fuzz_netlink
tests_fuzz_fuzz_netlink_SOURCES = %D%/fuzz_netlink.c
tests_fuzz_fuzz_netlink_CPPFLAGS = $(AM_CPPFLAGS) $(NL_CFLAGS)
tests_fuzz_fuzz_netlink_LDADD = $(fuzz_ldadd) $(identity_ldadd)

libew_fuzz_a_SOURCES = %D%/replay.c
if ENABLE_FUZZER
fuzz_ldadd = $(FUZZER_LDFLAGS)
EXTRA_LIBRARIES = libew-fuzz.a
else
fuzz_ldadd = libew-fuzz.a
check_LIBRARIES += libew-fuzz.a
endif
check_PROGRAMS += $(fuzz_programs)
TESTS += %D%/replay-corpus.sh
%D%/replay-corpus.log: $(fuzz_programs)
EXTRA_DIST += %D%/replay-corpus.sh %D%/corpus
dist_noinst_SCRIPTS += %D%/run
fuzz_programs += %D%/fuzz_decode
tests_fuzz_fuzz_decode_SOURCES = %D%/fuzz_decode.c
tests_fuzz_fuzz_decode_LDADD = $(fuzz_ldadd) $(decode_ldadd)
fuzz_programs += %D%/fuzz_notes
tests_fuzz_fuzz_notes_SOURCES = %D%/fuzz_notes.c
tests_fuzz_fuzz_notes_LDADD = $(fuzz_ldadd) $(decode_ldadd)
fuzz_programs += %D%/fuzz_fragments
tests_fuzz_fuzz_fragments_SOURCES = %D%/fuzz_fragments.c
tests_fuzz_fuzz_fragments_LDADD = $(fuzz_ldadd) $(decode_ldadd)
fuzz_programs += %D%/fuzz_flow
tests_fuzz_fuzz_flow_SOURCES = %D%/fuzz_flow.c
tests_fuzz_fuzz_flow_LDADD = $(fuzz_ldadd) $(flow_ldadd)
EXTRA_DIST += %D%/RESULTS.md
