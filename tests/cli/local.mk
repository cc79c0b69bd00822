# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_cli_check_cli_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=cli). It can use src/cli and the layers below it, no more.
tests_cli_check_cli_CPPFLAGS = $(test_cppflags) $(JANSSON_CFLAGS) $(SMARTCOLS_CFLAGS)
tests_cli_check_cli_LDADD = $(test_ldadd) $(cli_ldadd)
tests_cli_check_cli_SOURCES =
