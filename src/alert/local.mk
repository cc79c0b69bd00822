# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_alert_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/alert/local.mk. Libraries: the layers in Makefile.am.
libew_alert_a_CPPFLAGS = $(AM_CPPFLAGS)
libew_alert_a_SOURCES =
libew_alert_a_SOURCES += %D%/incident.h
libew_alert_a_SOURCES += %D%/message.h
libew_alert_a_SOURCES += %D%/alert.h
libew_alert_a_SOURCES += %D%/alert.c
libew_alert_a_SOURCES += %D%/alert_priv.h
libew_alert_a_SOURCES += %D%/incident.c
libew_alert_a_SOURCES += %D%/message.c
libew_alert_a_SOURCES += %D%/names.c
libew_alert_a_SOURCES += %D%/score.c
EXTRA_DIST += %D%/README.md
