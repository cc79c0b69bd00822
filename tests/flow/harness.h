/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/time.h"
#include "capture/frame.h"
#include "decode/packet.h"
#include "flow/event.h"
#include "flow/flow.h"

/*
 * A flow table and a log of what it said, one word per event: "attempt established close:SF".
 * Packets are given as records, at a time in milliseconds since the start.
 */
#define START_NS INT64_C(1767225600000000000)
#define EVENTS_MAX 4096

struct bench {
	struct ew_flow_table *table;
	struct ew_flow_conf conf;
	char log[8192];
	size_t length;
	struct ew_flow_event events[EVENTS_MAX];
	size_t n_events;
	uint64_t n_told;
	int64_t last_ts_ns;
};

static inline const char *
kind_word(const struct ew_flow_event *ev)
{
	static const char *const words[] = { "attempt", "established", "refused",
		"unanswered", "halfopen", "midstream", "payload", "turns", "update",
		"close", "probe", "arp", "ndp", "dns", "dhcp", "gap" };

	return words[ev->kind];
}

static inline void
bench_told(void *context, const struct ew_flow_event *ev)
{
	struct bench *b = context;

	cr_assert_geq(ev->ts_ns, b->last_ts_ns, "event time ran back");
	b->last_ts_ns = ev->ts_ns;
	b->n_told++;
	if (b->n_events < EVENTS_MAX)
		memcpy(&b->events[b->n_events++], ev, ew_flow_event_size(ev));
	if (b->length > sizeof(b->log) - 64)
		return;
	b->length += (size_t)snprintf(b->log + b->length, sizeof(b->log) - b->length,
	    "%s%s", b->length ? " " : "", kind_word(ev));
	if (ev->kind == EW_FLOW_CLOSE)
		b->length +=
		    (size_t)snprintf(b->log + b->length, sizeof(b->log) - b->length,
			":%s", ew_conn_state_name((enum ew_conn_state)ev->conn_state));
}

static inline void
bench_reopen(struct bench *b)
{
	ew_flow_table_free(b->table);
	b->length = 0;
	b->log[0] = '\0';
	b->n_events = 0;
	b->n_told = 0;
	b->last_ts_ns = 0;
	b->table = ew_flow_table_new(&b->conf, bench_told, b);
	cr_assert_not_null(b->table);
}

static inline void
bench_open(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	b->conf = ew_flow_conf_default(true);
	b->conf.max_flows = 1000;
	bench_reopen(b);
}

static inline void
bench_close(struct bench *b)
{
	ew_flow_table_free(b->table);
	b->table = NULL;
}

static inline void
bench_feed(struct bench *b, const struct ew_packet *packet)
{
	static struct ew_batch batch;

	batch.n_packets = 1;
	batch.n_notes = 0;
	batch.packets[0] = *packet;
	ew_flow_feed(b->table, &batch);
}

static inline void
bench_feed_note(struct bench *b, const struct ew_packet *packet,
    const struct ew_note *note)
{
	static struct ew_batch batch;

	batch.n_packets = 1;
	batch.n_notes = 1;
	batch.packets[0] = *packet;
	batch.packets[0].note = 1;
	batch.notes[0] = *note;
	ew_flow_feed(b->table, &batch);
}

static inline struct ew_addr
addr(const char *text)
{
	struct ew_addr a;

	cr_assert_eq(ew_addr_parse(text, &a), 0);
	return a;
}

static inline struct ew_packet
a_packet(int64_t at_ms, const char *src, unsigned sport, const char *dst,
    unsigned dport)
{
	return (struct ew_packet){ .ts_ns = START_NS + at_ms * EW_NS_PER_MS,
		.src = addr(src),
		.dst = addr(dst),
		.sport = (uint16_t)sport,
		.dport = (uint16_t)dport,
		.seen = EW_SEEN_UNKNOWN };
}

static inline struct ew_packet
a_tcp(int64_t at_ms, const char *src, unsigned sport, const char *dst, unsigned dport,
    const char *flags, uint32_t seq, uint32_t ack, uint32_t bytes)
{
	struct ew_packet p = a_packet(at_ms, src, sport, dst, dport);

	p.kind = EW_PACKET_TCP;
	p.proto = 6;
	for (; *flags; flags++)
		p.tcp_flags |= *flags == 'S' ? EW_TCP_SYN
		    : *flags == 'A'	     ? EW_TCP_ACK
		    : *flags == 'F'	     ? EW_TCP_FIN
		    : *flags == 'R'	     ? EW_TCP_RST
		    : *flags == 'P'	     ? EW_TCP_PSH
		    : *flags == 'U'	     ? EW_TCP_URG
					     : 0;
	p.seq = seq;
	p.ack = ack;
	p.payload_bytes = bytes;
	p.ip_bytes = 40 + bytes;
	p.window = 8192;
	p.ttl = 64;
	return p;
}

static inline struct ew_packet
a_udp(int64_t at_ms, const char *src, unsigned sport, const char *dst, unsigned dport,
    uint32_t bytes)
{
	struct ew_packet p = a_packet(at_ms, src, sport, dst, dport);

	p.kind = EW_PACKET_UDP;
	p.proto = 17;
	p.payload_bytes = bytes;
	p.ip_bytes = 28 + bytes;
	return p;
}

static inline struct ew_packet
a_ping(int64_t at_ms, const char *src, const char *dst, unsigned type, unsigned code)
{
	struct ew_packet p = a_packet(at_ms, src, type, dst, code);

	p.kind = EW_PACKET_ICMP;
	p.proto = 1;
	p.payload_bytes = 56;
	p.ip_bytes = 84;
	return p;
}

/* Let time pass without packets. */
static inline void
bench_wait(struct bench *b, int64_t until_ms)
{
	ew_flow_table_expire(b->table,
	    (struct ew_mono){ .ns = START_NS + until_ms * EW_NS_PER_MS });
}

static inline const struct ew_flow_event *
bench_last(const struct bench *b, enum ew_flow_kind kind)
{
	for (size_t i = b->n_events; i-- > 0;) {
		if (b->events[i].kind == kind)
			return &b->events[i];
	}
	return NULL;
}

static inline size_t
bench_count(const struct bench *b, enum ew_flow_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_events; i++)
		n += b->events[i].kind == kind;
	return n;
}
