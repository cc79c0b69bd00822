# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_identity_check_identity_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=identity). It can use src/identity and the layers below it, no more.
tests_identity_check_identity_CPPFLAGS = $(test_cppflags) $(NL_CFLAGS)
tests_identity_check_identity_LDADD = $(test_ldadd) $(identity_ldadd)
tests_identity_check_identity_SOURCES =
tests_identity_check_identity_SOURCES += %D%/test_bind.c
tests_identity_check_identity_SOURCES += %D%/test_churn.c
tests_identity_check_identity_SOURCES += %D%/test_netlink.c
tests_identity_check_identity_SOURCES += %D%/test_rule.c
tests_identity_check_identity_SOURCES += %D%/test_spoof.c
tests_identity_check_identity_SOURCES += %D%/test_translate.c
tests_identity_check_identity_SOURCES += %D%/world.c %D%/world.h
