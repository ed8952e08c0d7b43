// What the engine computes on GPUs besides products, in bf16: Ampere and everything after it (`mma.sync`, `cp.async`).
//
// The same file compiles as plain C++ under `tests/emulated`, which runs it a thread for a thread: what is arithmetic is proven on machines
// without a GPU.

typedef unsigned short bf16;
typedef unsigned int u32;

#ifdef __CUDACC__
__device__ __forceinline__ float wide(bf16 x) { return __uint_as_float((u32)x << 16); }

// two values in one register, the first one in the lower half
__device__ __forceinline__ u32 narrow(float low, float high) {
    u32 both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}

// 16 bytes on their way to shared memory; zeros if they are not to be read
__device__ __forceinline__ void fetch(void *to, const void *from, bool is_there) {
    u32 at = (u32)__cvta_generic_to_shared(to);
    int bytes = is_there ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void fetched_together() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int LATER> __device__ __forceinline__ void wait_but_for() { asm volatile("cp.async.wait_group %0;" ::"n"(LATER) : "memory"); }

// four 8 × 8 matrices whose rows begin at the addresses of lanes 0-7, 8-15, ...
__device__ __forceinline__ void load_matrices(u32 (&to)[4], const void *row) {
    u32 at = (u32)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(at) : "memory");
}
__device__ __forceinline__ void load_matrices_turned(u32 (&to)[4], const void *row) {
    u32 at = (u32)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(at) : "memory");
}
__device__ __forceinline__ void multiply_add(float (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ float of_lane_xor(float x, int mask) { return __shfl_xor_sync(0xffffffff, x, mask); }
#define SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#else
#include "emulate.h"
#endif

#define NOBODY (-INFINITY)

// Rows of a tile of queries that one warp has; keys of a tile of keys; keys that lie in one piece of the cache.
#define WARP_ROWS 16
#define TILE_KEYS 64
#define PIECE_KEYS 32
#define ATTEND_THREADS 128

// A part of a look: what one block of threads does. The queries of all heads that share keys are rows of one matrix: row / group is the row
// of the look, row % group the head.
struct Item {
    int first_row; // of the look, in the queries and in what comes out
    int rows;      // of the look
    int first;     // of the matrix that this part has
    int span;      // keys of the look
    int begin;     // keys of this part; a multiple of a tile
    int end;
    int pieces;    // where the look's pieces of the cache begin
    int partial;   // where what comes out is put together later; below 0: it is complete
};

// Rows of keys and values in shared memory lie an odd number of 16 bytes apart, so that 8 of them meet in no bank.
template <int D> struct Lines {
    static const int BYTES = ((D / 8) | 1) * 16;
    static const int TILE = TILE_KEYS * BYTES;
};

// Scores of 16 rows a warp against a tile of keys, an online softmax, weights against the values; the next tile is on its way meanwhile.
// With four warps for rows each has rows of its own; with four for keys they share 16 rows, and each has a quarter of every tile.
template <int D, int ROW_WARPS, int KEY_WARPS>
__device__ __forceinline__ void attend(const bf16 *q, int q_row, const bf16 *k, const bf16 *v, int kv_row, const Item *items, const int *pieces,
                                       bf16 *out, int out_row, float *partials, int group, float scale, int is_causal) {
    static_assert(ROW_WARPS * KEY_WARPS * 32 == ATTEND_THREADS, "four warps");
    const int KEYS = TILE_KEYS / KEY_WARPS;
    const int ROWS = WARP_ROWS * ROW_WARPS;
    const int LINE = Lines<D>::BYTES;
    SHARED(shared);
    const Item item = items[blockIdx.x];
    const int kv_head = blockIdx.y, kv_heads = gridDim.y;
    const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
    const int row_warp = warp % ROW_WARPS, key_warp = warp / ROW_WARPS;
    const int all = item.rows * group;
    const int before = item.span - item.rows; // keys that every row sees but for itself and those after the first row

    // the two rows of a lane
    int row[2], head[2], limit[2];
    bool is_there[2];
    const bf16 *query[2];
    for (int half = 0; half < 2; half++) {
        int at = item.first + row_warp * WARP_ROWS + lane / 4 + half * 8;
        is_there[half] = at < all;
        row[half] = item.first_row + at / group;
        head[half] = kv_head * group + at % group;
        limit[half] = min(is_causal ? before + at / group + 1 : item.span, item.end);
        query[half] = q + (long long)row[half] * q_row + head[half] * D;
    }
    u32 queries[D / 16][4];
#pragma unroll
    for (int step = 0; step < D / 16; step++) {
#pragma unroll
        for (int part = 0; part < 4; part++) {
            int half = part % 2, column = step * 16 + part / 2 * 8 + lane % 4 * 2;
            queries[step][part] = is_there[half] ? *(const u32 *)(query[half] + column) : 0;
        }
    }

    // no row of this block sees keys past those of its last one
    const int last = min(item.first + ROWS, all) - 1;
    const int end = min(is_causal ? before + last / group + 1 : item.span, item.end);
    const int tiles = max(0, (end - item.begin + TILE_KEYS - 1) / TILE_KEYS);
    auto fetch_tile = [&](int tile) {
        unsigned char *to = shared + tile % 2 * 2 * Lines<D>::TILE;
        const int PARTS = D / 8;
#pragma unroll
        for (int at = thread; at < TILE_KEYS * PARTS; at += ATTEND_THREADS) {
            int key = item.begin + tile * TILE_KEYS + at / PARTS, part = at % PARTS;
            bool is_key = key < end;
            int slot = is_key ? pieces[item.pieces + key / PIECE_KEYS] + key % PIECE_KEYS : 0;
            long long from = (long long)slot * kv_row + kv_head * D + part * 8;
            int offset = at / PARTS * LINE + part * 16;
            fetch(to + offset, k + from, is_key);
            fetch(to + Lines<D>::TILE + offset, v + from, is_key);
        }
        fetched_together();
    };

    float sums[D / 8][4] = {};
    float most[2] = {NOBODY, NOBODY}, total[2] = {0, 0};
    if (tiles > 0) fetch_tile(0);
    for (int tile = 0; tile < tiles; tile++) {
        if (tile + 1 < tiles) {
            fetch_tile(tile + 1);
            wait_but_for<1>();
        } else {
            wait_but_for<0>();
        }
        __syncthreads();
        const unsigned char *keys = shared + tile % 2 * 2 * Lines<D>::TILE + key_warp * KEYS * LINE, *values = keys + Lines<D>::TILE;
        const int first_key = item.begin + tile * TILE_KEYS + key_warp * KEYS;

        float scores[KEYS / 8][4] = {};
#pragma unroll
        for (int step = 0; step < D / 16; step++) {
#pragma unroll
            for (int key = 0; key < KEYS; key += 16) {
                u32 b[4];
                load_matrices(b, keys + (key + lane / 16 * 8 + lane % 8) * LINE + (step * 16 + lane / 8 % 2 * 8) * 2);
                multiply_add(scores[key / 8], queries[step], b[0], b[1]);
                multiply_add(scores[key / 8 + 1], queries[step], b[2], b[3]);
            }
        }
        if (first_key + KEYS > min(limit[0], limit[1])) {
#pragma unroll
            for (int key = 0; key < KEYS / 8; key++) {
#pragma unroll
                for (int part = 0; part < 4; part++) {
                    if (first_key + key * 8 + lane % 4 * 2 + part % 2 >= limit[part / 2]) scores[key][part] = NOBODY;
                }
            }
        }
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float top = most[half];
#pragma unroll
            for (int key = 0; key < KEYS / 8; key++) top = fmaxf(top, fmaxf(scores[key][half * 2], scores[key][half * 2 + 1]));
            top = fmaxf(top, of_lane_xor(top, 1));
            top = fmaxf(top, of_lane_xor(top, 2));
            // of a row that sees nobody yet every weight is zero
            float base = top == NOBODY ? 0.0f : top * scale, factor = exp2f(most[half] * scale - base), added = 0;
            most[half] = top;
#pragma unroll
            for (int key = 0; key < KEYS / 8; key++) {
#pragma unroll
                for (int part = half * 2; part < half * 2 + 2; part++) {
                    scores[key][part] = exp2f(scores[key][part] * scale - base);
                    added += scores[key][part];
                }
            }
            total[half] = total[half] * factor + added;
#pragma unroll
            for (int column = 0; column < D / 8; column++) {
                sums[column][half * 2] *= factor;
                sums[column][half * 2 + 1] *= factor;
            }
        }
#pragma unroll
        for (int key = 0; key < KEYS; key += 16) {
            u32 weights[4];
#pragma unroll
            for (int part = 0; part < 4; part++) {
                const float *pair = scores[key / 8 + part / 2] + part % 2 * 2;
                weights[part] = narrow(pair[0], pair[1]);
            }
#pragma unroll
            for (int column = 0; column < D; column += 16) {
                u32 b[4];
                load_matrices_turned(b, values + (key + lane / 8 % 2 * 8 + lane % 8) * LINE + (column + lane / 16 * 8) * 2);
                multiply_add(sums[column / 8], weights, b[0], b[1]);
                multiply_add(sums[column / 8 + 1], weights, b[2], b[3]);
            }
        }
        // the tile after the next one is written where this one lies
        __syncthreads();
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        total[half] += of_lane_xor(total[half], 1);
        total[half] += of_lane_xor(total[half], 2);
    }

    // what is not complete: sums, then maxima, then totals of the rows
    const int PARTIAL = ROWS * (D + 2);
    float *partial = item.partial < 0 ? nullptr : partials + (long long)(item.partial * kv_heads + kv_head) * PARTIAL;
    if (KEY_WARPS == 1) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int at = row_warp * WARP_ROWS + lane / 4 + half * 8;
            if (partial) {
#pragma unroll
                for (int column = 0; column < D / 8; column++) {
                    float *to = partial + at * D + column * 8 + lane % 4 * 2;
                    to[0] = sums[column][half * 2];
                    to[1] = sums[column][half * 2 + 1];
                }
                if (lane % 4 == 0) {
                    partial[ROWS * D + at] = most[half];
                    partial[ROWS * D + ROWS + at] = total[half];
                }
            } else if (is_there[half]) {
                float share = 1.0f / total[half];
                bf16 *to = out + (long long)row[half] * out_row + head[half] * D + lane % 4 * 2;
#pragma unroll
                for (int column = 0; column < D / 8; column++) {
                    *(u32 *)(to + column * 8) = narrow(sums[column][half * 2] * share, sums[column][half * 2 + 1] * share);
                }
            }
        }
        return;
    }
    // the warps' shares of the same rows meet where the tiles were
    float *meet = (float *)shared + warp * PARTIAL;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int at = lane / 4 + half * 8;
#pragma unroll
        for (int column = 0; column < D / 8; column++) {
            meet[at * D + column * 8 + lane % 4 * 2] = sums[column][half * 2];
            meet[at * D + column * 8 + lane % 4 * 2 + 1] = sums[column][half * 2 + 1];
        }
        if (lane % 4 == 0) {
            meet[ROWS * D + at] = most[half];
            meet[ROWS * D + ROWS + at] = total[half];
        }
    }
    __syncthreads();
    const float *met = (const float *)shared;
    for (int at = thread; at < ROWS * D; at += ATTEND_THREADS) {
        int line = at / D, column = at % D;
        float top = NOBODY, sum = 0, whole = 0;
        for (int other = 0; other < KEY_WARPS; other++) top = fmaxf(top, met[other * PARTIAL + ROWS * D + line]);
        for (int other = 0; other < KEY_WARPS; other++) {
            const float *from = met + other * PARTIAL;
            float factor = top == NOBODY ? 0.0f : exp2f((from[ROWS * D + line] - top) * scale);
            sum += from[at] * factor;
            whole += from[ROWS * D + ROWS + line] * factor;
        }
        if (partial) {
            partial[at] = sum;
            if (column == 0) {
                partial[ROWS * D + line] = top;
                partial[ROWS * D + ROWS + line] = whole;
            }
        } else if (item.first + line < all) {
            int place = item.first + line;
            out[(long long)(item.first_row + place / group) * out_row + (kv_head * group + place % group) * D + column] =
                (bf16)narrow(sum / whole, 0.0f);
        }
    }
}

// Parts of one look put together.
struct Whole {
    int first_row;
    int rows;
    int first;
    int partial; // the first of them; the others follow
    int parts;
};

template <int D, int ROWS>
__device__ __forceinline__ void join(const Whole *wholes, const float *partials, bf16 *out, int out_row, int group, float scale) {
    const Whole whole = wholes[blockIdx.x];
    const int kv_head = blockIdx.y, kv_heads = gridDim.y, PARTIAL = ROWS * (D + 2);
    const long long next = (long long)kv_heads * PARTIAL;
    const float *first = partials + (long long)(whole.partial * kv_heads + kv_head) * PARTIAL;
    for (int at = threadIdx.x; at < ROWS * D; at += blockDim.x) {
        int line = at / D, place = whole.first + line;
        if (place >= whole.rows * group) return;
        float top = NOBODY, sum = 0, total = 0;
        for (int part = 0; part < whole.parts; part++) top = fmaxf(top, first[part * next + ROWS * D + line]);
        for (int part = 0; part < whole.parts; part++) {
            const float *from = first + part * next;
            float factor = top == NOBODY ? 0.0f : exp2f((from[ROWS * D + line] - top) * scale);
            sum += from[at] * factor;
            total += from[ROWS * D + ROWS + line] * factor;
        }
        out[(long long)(whole.first_row + place / group) * out_row + (kv_head * group + place % group) * D + at % D] = (bf16)narrow(sum / total, 0.0f);
    }
}

#define FOR_HEADS_OF(D)                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(ATTEND_THREADS, 3) attend_many_##D(const bf16 *q, int q_row, const bf16 *k, const bf16 *v,     \
        int kv_row, const Item *items, const int *pieces, bf16 *out, int out_row, float *partials, int group, float scale, int is_causal) {  \
        attend<D, 4, 1>(q, q_row, k, v, kv_row, items, pieces, out, out_row, partials, group, scale, is_causal);                             \
    }                                                                                                                                        \
    extern "C" __global__ void __launch_bounds__(ATTEND_THREADS, 3) attend_few_##D(const bf16 *q, int q_row, const bf16 *k, const bf16 *v,      \
        int kv_row, const Item *items, const int *pieces, bf16 *out, int out_row, float *partials, int group, float scale, int is_causal) {  \
        attend<D, 1, 4>(q, q_row, k, v, kv_row, items, pieces, out, out_row, partials, group, scale, is_causal);                             \
    }                                                                                                                                        \
    extern "C" __global__ void join_many_##D(const Whole *wholes, const float *partials, bf16 *out, int out_row, int group, float scale) {   \
        join<D, 4 * WARP_ROWS>(wholes, partials, out, out_row, group, scale);                                                                \
    }                                                                                                                                        \
    extern "C" __global__ void join_few_##D(const Whole *wholes, const float *partials, bf16 *out, int out_row, int group, float scale) {    \
        join<D, WARP_ROWS>(wholes, partials, out, out_row, group, scale);                                                                    \
    }
FOR_HEADS_OF(16)
FOR_HEADS_OF(32)
FOR_HEADS_OF(64)
FOR_HEADS_OF(80)
FOR_HEADS_OF(128)

// Rows of [queries, keys, values]: biases are added, queries and keys turned by the row's positions. Keys and values go to their slots of the
// cache, or stay where they are if there are no slots. A block has a row.
extern "C" __global__ void turn(bf16 *rows, int heads, int kv_heads, int dim, const bf16 *bias, const u32 *positions, const float *frequencies,
                                const u32 *axes, const u32 *slots, bf16 *keys, bf16 *values) {
    const int width = (heads + 2 * kv_heads) * dim, kv_width = kv_heads * dim, half = dim / 2;
    bf16 *row = rows + (long long)blockIdx.x * width;
    const u32 *position = positions + blockIdx.x * 3;
    bf16 *key = row + heads * dim, *value = key + kv_width;
    if (slots) {
        key = keys + (long long)slots[blockIdx.x] * kv_width;
        value = values + (long long)slots[blockIdx.x] * kv_width;
    }
    for (int at = threadIdx.x; at < (heads + kv_heads) * half; at += blockDim.x) {
        int head = at / half, pair = at % half, left = head * dim + pair, right = left + half;
        float sine, cosine;
        sincosf((float)position[axes[pair]] * frequencies[pair], &sine, &cosine);
        float x = wide(row[left]) + (bias ? wide(bias[left]) : 0.0f), y = wide(row[right]) + (bias ? wide(bias[right]) : 0.0f);
        bf16 *to = head < heads ? row + head * dim : key + (head - heads) * dim;
        to[pair] = (bf16)narrow(x * cosine - y * sine, 0.0f);
        to[pair + half] = (bf16)narrow(y * cosine + x * sine, 0.0f);
    }
    const bf16 *from = row + heads * dim + kv_width;
    for (int at = threadIdx.x; at < kv_width; at += blockDim.x) {
        float x = wide(from[at]) + (bias ? wide(bias[(heads + kv_heads) * dim + at]) : 0.0f);
        value[at] = (bf16)narrow(x, 0.0f);
    }
}

// silu(gate) × up of rows [gate, up], biases added first. Two values a thread; `inner` is even.
extern "C" __global__ void gate(const bf16 *rows, const bf16 *bias, bf16 *out, int count, int inner) {
    const int pairs = inner / 2;
    for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < (long long)count * pairs; at += (long long)gridDim.x * blockDim.x) {
        long long row = at / pairs;
        int column = (int)(at % pairs) * 2;
        u32 gates = *(const u32 *)(rows + row * 2 * inner + column), ups = *(const u32 *)(rows + row * 2 * inner + inner + column);
        float result[2];
        for (int part = 0; part < 2; part++) {
            float x = wide((bf16)(gates >> (16 * part))), y = wide((bf16)(ups >> (16 * part)));
            if (bias) {
                x += wide(bias[column + part]);
                y += wide(bias[inner + column + part]);
            }
            result[part] = x / (1.0f + expf(-x)) * y;
        }
        *(u32 *)(out + row * inner + column) = narrow(result[0], result[1]);
    }
}

// rows += bias + other, each if there is one. Two values a thread; `width` is even.
extern "C" __global__ void add(bf16 *rows, const bf16 *bias, const bf16 *other, int count, int width) {
    const int pairs = width / 2;
    for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < (long long)count * pairs; at += (long long)gridDim.x * blockDim.x) {
        int column = (int)(at % pairs) * 2;
        u32 ours = *(const u32 *)(rows + at * 2), theirs = other ? *(const u32 *)(other + at * 2) : 0;
        float result[2];
        for (int part = 0; part < 2; part++) {
            result[part] = wide((bf16)(ours >> (16 * part))) + wide((bf16)(theirs >> (16 * part))) + (bias ? wide(bias[column + part]) : 0.0f);
        }
        *(u32 *)(rows + at * 2) = narrow(result[0], result[1]);
    }
}
