# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_client_check_client_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=client). It can use src/client and the layers below it, no more.
tests_client_check_client_CPPFLAGS = $(test_cppflags) $(JANSSON_CFLAGS)
tests_client_check_client_LDADD = $(test_ldadd) $(client_ldadd)
tests_client_check_client_SOURCES =
tests_client_check_client_SOURCES += %D%/test_client.c
