# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_alert_check_alert_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=alert). It can use src/alert and the layers below it, no more.
tests_alert_check_alert_CPPFLAGS = $(test_cppflags)
tests_alert_check_alert_LDADD = $(test_ldadd) $(alert_ldadd)
tests_alert_check_alert_SOURCES =
tests_alert_check_alert_SOURCES += %D%/desk.h
tests_alert_check_alert_SOURCES += %D%/test_alert.c
tests_alert_check_alert_SOURCES += %D%/test_story.c
tests_alert_check_alert_SOURCES += %D%/test_anything.c
