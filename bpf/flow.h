/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Flows of traps are eroutes from host to host, or have the selector of their trap. Few
 * packets have one, so they are not in the tries but in a hash of their own.
 */
#ifndef EROUTE_FLOW_H
#define EROUTE_FLOW_H

static __always_inline __u32 address_bits(const struct packet *p)
{
	return p->family == AF_INET ? 32 : 128;
}

/* The first prefixlen bits of half an address, in network byte order. */
static __always_inline __be64 first_bits(const __u8 *from, __u32 prefixlen)
{
	__u64 half;

	__builtin_memcpy(&half, from, sizeof(half));
	if (!prefixlen)
		return 0;
	return half & bpf_cpu_to_be64(~0ULL << ((64 - prefixlen) & 63));
}

static __always_inline void copy_prefix(__u8 *to, const __u8 *from, __u32 prefixlen)
{
	__be64 high = first_bits(from, prefixlen > 64 ? 64 : prefixlen);
	__be64 low = first_bits(from + 8, prefixlen > 64 ? prefixlen - 64 : 0);

	__builtin_memcpy(to, &high, sizeof(high));
	__builtin_memcpy(to + 8, &low, sizeof(low));
}

static __always_inline void set_ports(const struct packet *p, __u32 shape, struct flow_key *key)
{
	key->family = p->family;
	key->proto = shape == SHAPE_ANY ? 0 : p->proto;
	key->sport = names_sport(shape) ? p->sport : 0;
	key->dport = names_dport(shape) ? p->dport : 0;
}

/* The key of the eroute of this shape from the packet's source to its destination. */
static __always_inline void make_host_key(const struct packet *p, __u32 shape, struct flow_key *key)
{
	set_ports(p, shape, key);
	key->src_prefixlen = address_bits(p);
	key->dst_prefixlen = address_bits(p);
	__builtin_memcpy(key->src, p->src, 16);
	__builtin_memcpy(key->dst, p->dst, 16);
}

/* The key of the table's eroute that the packet met. */
static __always_inline void make_row_key(const struct packet *p, const struct match *m,
					 struct flow_key *key)
{
	set_ports(p, m->v.shape, key);
	key->src_prefixlen = m->v.src_prefixlen;
	key->dst_prefixlen = m->v.dst_prefixlen;
	copy_prefix(key->src, p->src, m->v.src_prefixlen);
	copy_prefix(key->dst, p->dst, m->v.dst_prefixlen);
}

static __always_inline void meet_flow(struct match *m, struct flow *flow, __u32 shape)
{
	m->flow = flow;
	set_verdict(&m->v, &flow->row, m->key.src_prefixlen, shape);
}

/* Whether the table's eroute is one from host to host, more specific by its shape. */
static __always_inline int is_before(const struct match *m, __u32 bits, __u32 shape)
{
	return m->v.action && m->v.src_prefixlen == bits && m->v.dst_prefixlen == bits &&
	       m->v.shape < shape;
}

/*
 * Puts the flow that the packet belongs to in the place of the table's eroute, if there
 * is one and it goes before it. shapes are those that flows have.
 */
static __noinline int find_flow(const struct packet *p, __u32 shapes, struct match *m)
{
	__u32 bits = address_bits(p);
	struct flow *flow;

	for (__u32 shape = 0; shape < SHAPES; shape++) {
		if (is_before(m, bits, shape))
			break;
		if (!(shapes & (1 << shape)) || !has_shape(p, shape))
			continue;
		make_host_key(p, shape, &m->key);
		flow = bpf_map_lookup_elem(&eroute_flows, &m->key);
		if (flow) {
			meet_flow(m, flow, shape);
			return 0;
		}
	}
	if (m->v.action != ACT_TRAPSUBNET)
		return 0;
	make_row_key(p, m, &m->key);
	flow = bpf_map_lookup_elem(&eroute_flows, &m->key);
	if (flow)
		meet_flow(m, flow, m->v.shape);
	return 0;
}

#endif
