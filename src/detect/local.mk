# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_detect_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/detect/local.mk. Libraries: the layers in Makefile.am.
libew_detect_a_CPPFLAGS = $(AM_CPPFLAGS)
libew_detect_a_SOURCES =
libew_detect_a_SOURCES += %D%/signal.h
libew_detect_a_SOURCES += %D%/detect.h
libew_detect_a_SOURCES += %D%/detector.h
