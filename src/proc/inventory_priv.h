/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "proc/inventory_file.h"

/* One reading of an inventory file: inventory_file.c frames it, inventory_records.c reads. */
#define INVENTORY_PATH 256
struct inventory_reader {
	const char *name, *text;
	size_t size;
	json_t *json;
	const struct ew_inventory_sink *sink;
	struct ew_error *error;
	bool is_emitting; /* second walk: everything is known to be good */
	int code;	  /* the last complaint */
	size_t n_unknown, n_cut;
	char unknown[INVENTORY_PATH]; /* the first one */
};

/* The path of a value further down. */
void inventory_path(char ret_path[INVENTORY_PATH], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* path names a value as in "instances[3].id"; keys are added to it. */
int inventory_fail(struct inventory_reader *r, const char *path, const char *format,
    ...) __attribute__((format(printf, 3, 4)));
void inventory_unknown(struct inventory_reader *r, json_t *object, const char *path,
    const char *const *known);
json_t *inventory_get(struct inventory_reader *r, const json_t *object,
    const char *path, const char *key, json_type type);
void inventory_text(struct inventory_reader *r, const json_t *object, const char *path,
    const char *key, char *ret_text, size_t size);
int64_t inventory_number(struct inventory_reader *r, const json_t *object,
    const char *path, const char *key, int64_t max);
struct ew_mono inventory_time(struct inventory_reader *r, const json_t *object,
    const char *path, const char *key);
uint8_t inventory_proto(struct inventory_reader *r, const json_t *object,
    const char *path);
struct ew_addr inventory_addr(struct inventory_reader *r, const json_t *value,
    const char *path);

/* One record each. */
void inventory_network(struct inventory_reader *r, json_t *json, const char *path);
void inventory_service(struct inventory_reader *r, json_t *json, const char *path);
void inventory_nat(struct inventory_reader *r, json_t *json, const char *path);
void inventory_instance(struct inventory_reader *r, json_t *json, const char *path);
