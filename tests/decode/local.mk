# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_decode_check_decode_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=decode). It can use src/decode and the layers below it, no more.
tests_decode_check_decode_CPPFLAGS = $(test_cppflags)
tests_decode_check_decode_LDADD = $(test_ldadd) $(decode_ldadd)
tests_decode_check_decode_SOURCES =
tests_decode_check_decode_SOURCES += %D%/test_layers.c
tests_decode_check_decode_SOURCES += %D%/test_tunnels.c
tests_decode_check_decode_SOURCES += %D%/test_fragments.c
tests_decode_check_decode_SOURCES += %D%/test_notes.c
tests_decode_check_decode_SOURCES += %D%/harness.h
