# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_api_check_api_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=api). It can use src/api and the layers below it, no more.
tests_api_check_api_CPPFLAGS = $(test_cppflags) $(JANSSON_CFLAGS)
tests_api_check_api_LDADD = $(test_ldadd) $(api_ldadd)
tests_api_check_api_SOURCES =
