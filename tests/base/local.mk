# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_base_check_base_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=base). It can use src/base and the layers below it, no more.
tests_base_check_base_CPPFLAGS = $(test_cppflags) $(XXHASH_CFLAGS)
tests_base_check_base_LDADD = $(test_ldadd) $(base_ldadd)
tests_base_check_base_SOURCES =
tests_base_check_base_SOURCES += %D%/test_addr.c
tests_base_check_base_SOURCES += %D%/test_err.c
tests_base_check_base_SOURCES += %D%/test_ring.c
tests_base_check_base_SOURCES += %D%/test_text.c
tests_base_check_base_SOURCES += %D%/test_time.c
