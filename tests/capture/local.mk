# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_capture_check_capture_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=capture). It can use src/capture and the layers below it, no more.
tests_capture_check_capture_CPPFLAGS = $(test_cppflags) $(PCAP_CFLAGS)
tests_capture_check_capture_LDADD = $(test_ldadd) $(capture_ldadd)
tests_capture_check_capture_SOURCES =
tests_capture_check_capture_SOURCES += %D%/test_filter.c
tests_capture_check_capture_SOURCES += %D%/build.h
tests_capture_check_capture_SOURCES += %D%/test_file.c
