# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_capture_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/capture/local.mk. Libraries: the layers in Makefile.am.
libew_capture_a_CPPFLAGS = $(AM_CPPFLAGS) $(PCAP_CFLAGS)
libew_capture_a_SOURCES =
libew_capture_a_SOURCES += %D%/capture.h
libew_capture_a_SOURCES += %D%/frame.h
