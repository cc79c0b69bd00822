# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_cli_check_cli_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=cli). It can use src/cli and the layers below it, no more.
tests_cli_check_cli_CPPFLAGS = $(test_cppflags) $(JANSSON_CFLAGS) $(SMARTCOLS_CFLAGS)
tests_cli_check_cli_LDADD = $(test_ldadd) $(cli_ldadd)
tests_cli_check_cli_SOURCES =
tests_cli_check_cli_SOURCES += %D%/test_args.c
tests_cli_check_cli_SOURCES += %D%/test_writer.c

# The command as a whole, on a small database that fixture makes.
check_PROGRAMS += tests/cli/fixture
tests_cli_fixture_SOURCES = %D%/fixture.c
tests_cli_fixture_LDADD = $(store_ldadd)
TESTS += %D%/verbs.py
%D%/verbs.log: eastwatch tests/cli/fixture
EXTRA_DIST += %D%/verbs.py
