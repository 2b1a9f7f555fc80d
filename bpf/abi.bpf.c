// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/* No program: exports the types and constants of abi.h to Go. */
#include "abi.h"

enum limits *export_limits;
enum eroute_action *export_action;
enum eroute_tuple *export_tuple;
enum reason *export_reason;
enum lookup_cb *export_lookup_cb;
enum lookup_status *export_lookup_status;
struct src_key4 *export_src_key4;
struct src_key6 *export_src_key6;
struct src_value *export_src_value;
struct eroute_key4 *export_eroute_key4;
struct eroute_key6 *export_eroute_key6;
struct eroute_value *export_eroute_value;
struct index *export_index;
union index_line *export_index_line;
struct index_entry *export_index_entry;
struct index_slot4 *export_index_slot4;
struct index_slot6 *export_index_slot6;
struct counters *export_counters;
struct counter_block *export_counter_block;
enum sa_use *export_sa_use;
struct sa *export_sa;
struct sa_group *export_sa_group;
struct flow_key *export_flow_key;
struct flow *export_flow;
struct relay *export_relay;
struct event *export_event;
enum detour *export_detour;
enum event_kind *export_event_kind;
struct stat *export_stat;
enum writing *export_writing;
struct table_meta *export_table_meta;
struct cache_words *export_cache_words;
struct cache_bucket4 *export_cache_bucket4;
struct cache_bucket6 *export_cache_bucket6;
struct epoch *export_epoch;
struct device_words *export_device_words;
enum device_xfrm *export_device_xfrm;
enum watched *export_watched;
struct ingress_key *export_ingress_key;
struct ingress *export_ingress;
struct reject_rate *export_reject_rate;
