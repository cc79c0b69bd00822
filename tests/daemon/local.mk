# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_daemon_check_daemon_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=daemon). It can use src/daemon and the layers below it, no more.
tests_daemon_check_daemon_CPPFLAGS = $(test_cppflags) $(YAML_CFLAGS) $(CAPNG_CFLAGS) $(SECCOMP_CFLAGS)
tests_daemon_check_daemon_LDADD = $(test_ldadd) $(daemon_ldadd)
tests_daemon_check_daemon_SOURCES =
tests_daemon_check_daemon_SOURCES += %D%/test_worker_clock.c
tests_daemon_check_daemon_SOURCES += %D%/test_zoom.c
tests_daemon_check_daemon_SOURCES += %D%/test_config.c
tests_daemon_check_daemon_SOURCES += %D%/test_outbox.c
tests_daemon_check_daemon_SOURCES += %D%/test_worker.c
