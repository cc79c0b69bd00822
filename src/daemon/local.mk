# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_daemon_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/daemon/local.mk. Libraries: the layers in Makefile.am.
libew_daemon_a_CPPFLAGS = $(AM_CPPFLAGS) $(YAML_CFLAGS) $(CAPNG_CFLAGS) $(SECCOMP_CFLAGS)
libew_daemon_a_SOURCES =
libew_daemon_a_SOURCES += %D%/config.c %D%/config.h %D%/config_priv.h
libew_daemon_a_SOURCES += %D%/config_list.c
libew_daemon_a_SOURCES += %D%/config_nodes.c %D%/config_yaml_priv.h
libew_daemon_a_SOURCES += %D%/config_show.c
libew_daemon_a_SOURCES += %D%/config_table.c
libew_daemon_a_SOURCES += %D%/config_value.c
libew_daemon_a_SOURCES += %D%/worker.c %D%/worker.h %D%/worker_priv.h
libew_daemon_a_SOURCES += %D%/worker_clock.c %D%/worker_clock.h
libew_daemon_a_SOURCES += %D%/worker_command.c
libew_daemon_a_SOURCES += %D%/worker_report.c
libew_daemon_a_SOURCES += %D%/worker_thread.c
libew_daemon_a_SOURCES += %D%/zoom.c %D%/zoom.h
libew_daemon_a_SOURCES += %D%/conf_parts.c %D%/conf_parts.h
libew_daemon_a_SOURCES += %D%/core.c %D%/core.h %D%/core_priv.h
libew_daemon_a_SOURCES += %D%/core_control.c
libew_daemon_a_SOURCES += %D%/core_inventory.c
libew_daemon_a_SOURCES += %D%/decide.c
libew_daemon_a_SOURCES += %D%/outbox.c %D%/outbox.h
libew_daemon_a_SOURCES += %D%/persist.c
libew_daemon_a_SOURCES += %D%/pipeline.c %D%/pipeline.h %D%/pipeline_priv.h

sbin_PROGRAMS += eastwatchd
eastwatchd_SOURCES = %D%/main.c
eastwatchd_LDADD = $(daemon_ldadd)
