/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Finds an entry of the index by its hash and key, and copies its value. Included once for
 * each kind. Not static: it is verified once, by itself. Returns 0, or -1 if there is none.
 */
__noinline int FIND(__u32 number, __u64 h, const struct KEY *key, struct VALUE *found)
{
	/* volatile: to be read again costs less than the stack it would take to keep it. */
	const volatile struct index *head = (void *)line_at(number, 0);
	__u32 group;

	if (!head || !key || !found)
		return -1;
	group = below(h, head->GROUPS);
#pragma clang loop unroll(disable)
	for (int i = 0; i < INDEX_REACH; i++) {
		union index_line *line = line_at(number, head->GROUPS_AT + group / 8);
		__u64 word, tags;

		if (!line)
			return -1;
		word = line->words[group & 7];
		tags = same_tags(word, h);
#pragma clang loop unroll(disable)
		for (int j = 0; j < INDEX_SLOTS && tags; j++) {
			__u32 n = group * INDEX_SLOTS + lowest_bit(tags) / 8;

			line = line_at(number, head->AT + n / A_LINE);
			if (!line)
				return -1;
			if (!__builtin_memcmp(&line->MEMBER[n & (A_LINE - 1)].key, key,
					      sizeof(*key))) {
				*found = line->MEMBER[n & (A_LINE - 1)].value;
				return 0;
			}
			tags &= tags - 1;
		}
		if (!(word >> 56)) /* none had to go on */
			return -1;
		if (++group == head->GROUPS)
			group = 0;
	}
	return -1;
}

#undef FIND
#undef KEY
#undef VALUE
#undef MEMBER
#undef A_LINE
#undef AT
#undef GROUPS_AT
#undef GROUPS
