# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_capture_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/capture/local.mk. Libraries: the layers in Makefile.am.
libew_capture_a_CPPFLAGS = $(AM_CPPFLAGS) $(PCAP_CFLAGS)
libew_capture_a_SOURCES =
libew_capture_a_SOURCES += %D%/assemble.c %D%/assemble_priv.h
libew_capture_a_SOURCES += %D%/capture.h
libew_capture_a_SOURCES += %D%/fanout.c
libew_capture_a_SOURCES += %D%/file.c
libew_capture_a_SOURCES += %D%/filter.c %D%/filter_priv.h
libew_capture_a_SOURCES += %D%/filter_run.c
libew_capture_a_SOURCES += %D%/frame.h
libew_capture_a_SOURCES += %D%/link.c
libew_capture_a_SOURCES += %D%/live.c %D%/live_priv.h
libew_capture_a_SOURCES += %D%/merge.c %D%/merge_priv.h
libew_capture_a_SOURCES += %D%/pcap_file.c
libew_capture_a_SOURCES += %D%/pcapng.c %D%/reader_priv.h
libew_capture_a_SOURCES += %D%/source.c %D%/source_priv.h
libew_capture_a_SOURCES += %D%/window.c %D%/window_priv.h
EXTRA_DIST += %D%/README.md
