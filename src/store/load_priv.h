/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store_priv.h"

/* Shared by load.c and load_alert.c. */
sqlite3_stmt *load_prepare(struct ew_store *store, const char *sql);
bool load_next(struct ew_store *store, sqlite3_stmt *s);
/* The same text for ever, until the store is closed. */
const char *load_intern(struct ew_store *store, const char *text);
/* Open incidents and their signals. */
void load_incidents(struct ew_store *store, const struct ew_store_loader *loader);
