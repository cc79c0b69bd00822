# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_io_check_io_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=io). It can use src/io and the layers below it, no more.
tests_io_check_io_CPPFLAGS = $(test_cppflags) $(EVENT_CFLAGS) $(CURL_CFLAGS)
tests_io_check_io_LDADD = $(test_ldadd) $(io_ldadd)
tests_io_check_io_SOURCES =
