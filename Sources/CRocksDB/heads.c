#include "shim.h"

#include <stdatomic.h>
#include <stdlib.h>

// 2^24 slots, in segments that are allocated at first use and never moved, so that readers need no lock.
enum { SEGMENT_BITS = 12, SEGMENTS = 1 << 12, SEGMENT_SIZE = 1 << SEGMENT_BITS, SEQUENCE_BITS = 40 };

struct ttms_heads {
    _Atomic(_Atomic(uint64_t) *) segments[SEGMENTS];
};

ttms_heads *ttms_heads_create(void) { return calloc(1, sizeof(ttms_heads)); }

void ttms_heads_destroy(ttms_heads *heads) {
    for (int i = 0; i < SEGMENTS; i++) free(atomic_load(&heads->segments[i]));
    free(heads);
}

void ttms_heads_publish(ttms_heads *heads, uint64_t head) {
    uint32_t slot = (uint32_t)(head >> SEQUENCE_BITS);
    _Atomic(uint64_t) *segment = atomic_load_explicit(&heads->segments[slot >> SEGMENT_BITS], memory_order_relaxed);
    if (segment == NULL) {
        segment = calloc(SEGMENT_SIZE, sizeof *segment);
        if (segment == NULL) return;
        atomic_store_explicit(&heads->segments[slot >> SEGMENT_BITS], segment, memory_order_release);
    }
    atomic_store_explicit(&segment[slot & (SEGMENT_SIZE - 1)], head, memory_order_relaxed);
}

// A chunk's key is the id of its first message, big-endian. Its value begins with a format byte and the count of its messages, two
// bytes big-endian (RelayStorage/Chunk.swift). An entry of another form is not dropped, so that its next read reports it.
static unsigned char is_dead(void *state, int level, const char *key, size_t key_size, const char *value,
                             size_t value_size, char **new_value, size_t *new_size, unsigned char *value_changed) {
    (void)level, (void)new_value, (void)new_size, (void)value_changed;
    if (key_size != 8 || value_size < 3 || value[0] != 1) return 0;
    uint64_t first = 0;
    for (int i = 0; i < 8; i++) first = first << 8 | (uint8_t)key[i];
    uint64_t count = (uint64_t)(uint8_t)value[1] << 8 | (uint8_t)value[2];

    ttms_heads *heads = state;
    uint32_t slot = (uint32_t)(first >> SEQUENCE_BITS);
    _Atomic(uint64_t) *segment = atomic_load_explicit(&heads->segments[slot >> SEGMENT_BITS], memory_order_acquire);
    if (segment == NULL) return 0;
    uint64_t head = atomic_load_explicit(&segment[slot & (SEGMENT_SIZE - 1)], memory_order_relaxed);
    return first + count <= head;
}

static void keep_state(void *state) { (void)state; }

static const char *filter_name(void *state) {
    (void)state;
    return "ttms.heads";
}

rocksdb_compactionfilter_t *ttms_heads_filter(ttms_heads *heads) {
    return rocksdb_compactionfilter_create(heads, keep_state, is_dead, filter_name);
}
