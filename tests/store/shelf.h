/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/event.h"
#include "graph/edge.h"
#include "identity/contact.h"
#include "store/reader.h"
#include "store/store.h"

/*
 * A database in a folder of its own, and records to put into it. Time begins at
 * 2026-01-01T00:00:00Z.
 */
#define SHELF_START_NS (INT64_C(1767225600) * EW_NS_PER_S)
#define SHELF_START_US (SHELF_START_NS / EW_NS_PER_US)

struct shelf {
	char folder[64];
	char path[96];
	struct ew_store_conf conf;
	struct ew_store *store;
	uint64_t next_flow;
	uint32_t next_workload;
};

void shelf_init(struct shelf *shelf, bool is_threaded);
/* Open the store; asserts that it works. */
void shelf_open(struct shelf *shelf);
void shelf_close(struct shelf *shelf);
/* Close and remove everything. */
void shelf_fini(struct shelf *shelf);

/* Name and id of a process's workload; id starts anew with each struct. */
void shelf_workload(struct shelf *shelf, struct ew_workload *ret_workload,
    const char *name);

/* A closed TCP connection of 1 ms, at_s seconds after the start. */
struct shelf_flow {
	struct ew_flow_event ev;
	struct ew_contact contact;
};
void shelf_flow(struct shelf *shelf, struct shelf_flow *ret_flow,
    struct ew_workload *src, struct ew_workload *dst, const char *src_ip,
    const char *dst_ip, uint16_t port, double at_s);

struct ew_signal shelf_signal(uint64_t id, struct ew_workload *src,
    struct ew_workload *dst, double at_s);
/* Static: a struct of several KiB. */
struct ew_incident *shelf_incident(uint64_t id, struct ew_workload *src,
    struct ew_workload *dst, uint64_t signal);
struct ew_edge shelf_edge(struct ew_workload *src, struct ew_workload *dst,
    uint16_t port, double at_s);

/* Rows of a listing, as text: columns joined by '|', NULL as "-". */
struct shelf_rows {
	size_t n;
	char text[64][4096];
};
/* query->terms etc. are the caller's; columns: comma-separated names, NULL: all. */
int shelf_list(struct ew_reader *reader, const struct ew_query *query,
    const char *columns, struct shelf_rows *ret_rows, struct ew_error *error);
/* By SQL over the reading door. */
int shelf_sql(struct ew_reader *reader, const char *sql, struct shelf_rows *ret_rows,
    struct ew_error *error);
struct ew_reader *shelf_reader(struct shelf *shelf);
/* One integer, by a connection of its own, as a second program would. */
int64_t shelf_int(const char *path, const char *sql);
