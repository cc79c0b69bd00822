# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_io_check_io_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=io). It can use src/io and the layers below it, no more.
tests_io_check_io_CPPFLAGS = $(test_cppflags) $(EVENT_CFLAGS) $(CURL_CFLAGS)
tests_io_check_io_LDADD = $(test_ldadd) $(io_ldadd)
tests_io_check_io_SOURCES =
tests_io_check_io_SOURCES += %D%/test_http_client.c
tests_io_check_io_SOURCES += %D%/test_line.c
tests_io_check_io_SOURCES += %D%/test_loop.c
