# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_store_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/store/local.mk. Libraries: the layers in Makefile.am.
libew_store_a_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
libew_store_a_SOURCES =
libew_store_a_SOURCES += %D%/schema_sql_priv.h
libew_store_a_SOURCES += %D%/apply.c
libew_store_a_SOURCES += %D%/apply_alert.c
libew_store_a_SOURCES += %D%/apply_flow.c
libew_store_a_SOURCES += %D%/apply_graph.c
libew_store_a_SOURCES += %D%/apply_identity.c
libew_store_a_SOURCES += %D%/db.c %D%/db_priv.h
libew_store_a_SOURCES += %D%/key.c %D%/key_priv.h
libew_store_a_SOURCES += %D%/lane.c
libew_store_a_SOURCES += %D%/load.c %D%/load_alert.c %D%/load_priv.h
libew_store_a_SOURCES += %D%/migrate.c
libew_store_a_SOURCES += %D%/open.c
libew_store_a_SOURCES += %D%/put.c
libew_store_a_SOURCES += %D%/reader.h
libew_store_a_SOURCES += %D%/record_priv.h
libew_store_a_SOURCES += %D%/retain.c
libew_store_a_SOURCES += %D%/sql.c
libew_store_a_SOURCES += %D%/store.c %D%/store.h %D%/store_priv.h
libew_store_a_SOURCES += %D%/writer.c
