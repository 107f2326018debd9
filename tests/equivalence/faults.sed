# SPDX-License-Identifier: Apache-2.0
# Seeded faults, one a line: name, then a sed command for bpf/selector.h. Each must turn the test red.
window-begins-at-the-syn        s/hp_window_open(w, s->seq + 1, policy->undecided_limit/hp_window_open(w, s->seq, policy->undecided_limit/
offset-is-one-too-high          s/rel = s->seq - w->base;/rel = s->seq - w->base + 1;/
last-byte-is-left-out           s/hp_min(hp_min(s->len, w->limit - rel), HP_MAX_COPY)/hp_min(hp_min(s->len, w->limit - rel - 1), HP_MAX_COPY)/
head-loses-what-crosses-words   s/high = high << shift | low >> (64 - shift);/high <<= shift;/
only-in-order-segments          s/w->state == HP_WINDOW_OPEN \&\& rel < w->limit)/w->state == HP_WINDOW_OPEN \&\& rel == w->next)/
one-segment-a-window            s/w->segments = policy->segments;/w->segments = policy->segments ? 1 : 0;/
headers-lose-their-last-byte    s/d->copy_len = end;/d->copy_len = end - 1;/
silent-after-one-message        s/w->messages >= policy->requests ? HP_WINDOW_SILENT/w->messages >= 1 ? HP_WINDOW_SILENT/
nothing-found-by-content        s/if (v.content <= HP_CONTENT_UNDECIDED)/if (v.content <= HP_CONTENT_COUNT)/
header-end-is-not-seen          s/end = hp_scan_headers(data, d->copy_len, &w->line_end, room);/end = room * 0;/
ssh-packet-is-cut               s/w->limit = hp_min(w->mark + 4 + /w->limit = hp_min(w->mark + /
one-datagram-a-direction        s/if (w->messages >= policy->datagrams)/if (w->messages >= 1)/
sent-again-counts-as-another    s/if (w->state == HP_WINDOW_IDLE \&\& w->next - rel - 1 < HP_RESENT)/if (0)/
prefix-is-not-waited-for        s/w->state = v->content == HP_CONTENT_PREFIX ? HP_WINDOW_PREFIX/w->state = v->content == HP_CONTENT_PREFIX ? HP_WINDOW_SILENT/
