// A GPU as far as `kernels.cu` needs one: a block's threads are threads, a warp's operations meet at a barrier. Copies to shared memory happen
// when they are waited for and not before, so that a missing wait is seen.
#pragma once
#include <barrier>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct Place {
    int x = 0, y = 0;
};
inline thread_local Place threadIdx, blockIdx;
inline Place blockDim, gridDim;

struct Warp {
    std::barrier<> meet{32};
    const unsigned char *rows[32];
    u32 a[32][4], b[32][2];
    float told[32];
};
inline unsigned char *shared_memory;
inline std::barrier<> *block_barrier;
inline thread_local Warp *warp_here;
inline thread_local int lane_here;

struct Copy {
    void *to;
    const void *from;
    bool is_there;
};
inline thread_local std::vector<std::vector<Copy>> groups(1);

using std::max;
using std::min;
#define SHARED(name) unsigned char *name = shared_memory

inline void __syncthreads() { block_barrier->arrive_and_wait(); }
inline void sincosf(float x, float *sine, float *cosine) {
    *sine = std::sin(x);
    *cosine = std::cos(x);
}

inline float wide(bf16 x) {
    u32 bits = (u32)x << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
inline bf16 narrow_one(float x) {
    u32 bits;
    memcpy(&bits, &x, 4);
    if (std::isnan(x)) return 0x7fff;
    return (bf16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16); // to the nearest, ties to even
}
inline u32 narrow(float low, float high) { return narrow_one(low) | (u32)narrow_one(high) << 16; }

inline void fetch(void *to, const void *from, bool is_there) { groups.back().push_back({to, from, is_there}); }
inline void fetched_together() { groups.emplace_back(); }
template <int LATER> void wait_but_for() {
    while ((int)groups.size() - 1 > LATER) {
        for (const Copy &copy : groups.front()) {
            if (copy.is_there) memcpy(copy.to, copy.from, 16);
            else memset(copy.to, 0, 16);
        }
        groups.erase(groups.begin());
    }
}

inline void load(u32 (&to)[4], const void *row, bool is_turned) {
    Warp &warp = *warp_here;
    warp.rows[lane_here] = (const unsigned char *)row;
    warp.meet.arrive_and_wait();
    for (int matrix = 0; matrix < 4; matrix++) {
        auto at = [&](int line, int column) {
            bf16 value;
            memcpy(&value, warp.rows[matrix * 8 + line] + column * 2, 2);
            return (u32)value;
        };
        int line = lane_here / 4, column = lane_here % 4 * 2;
        to[matrix] = is_turned ? at(column, line) | at(column + 1, line) << 16 : at(line, column) | at(line, column + 1) << 16;
    }
    warp.meet.arrive_and_wait();
}
inline void load_matrices(u32 (&to)[4], const void *row) { load(to, row, false); }
inline void load_matrices_turned(u32 (&to)[4], const void *row) { load(to, row, true); }

inline void multiply_add(float (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    Warp &warp = *warp_here;
    memcpy(warp.a[lane_here], a, 16);
    warp.b[lane_here][0] = b0;
    warp.b[lane_here][1] = b1;
    warp.meet.arrive_and_wait();
    for (int part = 0; part < 4; part++) {
        int row = lane_here / 4 + part / 2 * 8, column = lane_here % 4 * 2 + part % 2;
        for (int k = 0; k < 16; k++) {
            u32 left = warp.a[row % 8 * 4 + k % 8 / 2][k / 8 * 2 + row / 8], right = warp.b[column * 4 + k % 8 / 2][k / 8];
            sum[part] += wide((bf16)(left >> (k % 2 * 16))) * wide((bf16)(right >> (k % 2 * 16)));
        }
    }
    warp.meet.arrive_and_wait();
}

inline float of_lane_xor(float x, int mask) {
    Warp &warp = *warp_here;
    warp.told[lane_here] = x;
    warp.meet.arrive_and_wait();
    float theirs = warp.told[lane_here ^ mask];
    warp.meet.arrive_and_wait();
    return theirs;
}

// Runs a kernel: blocks one after another, the threads of a block at the same time.
inline void launch(int blocks, int blocks_y, int threads, size_t bytes, const std::function<void()> &kernel) {
    gridDim = {blocks, blocks_y};
    blockDim = {threads, 1};
    for (int block = 0; block < blocks * blocks_y; block++) {
        std::vector<unsigned char> memory(bytes + 16, 0xff); // not numbers, until something is written
        shared_memory = (unsigned char *)(((uintptr_t)memory.data() + 15) / 16 * 16);
        std::barrier<> barrier(threads);
        block_barrier = &barrier;
        std::vector<std::unique_ptr<Warp>> warps;
        for (int warp = 0; warp < (threads + 31) / 32; warp++) warps.push_back(std::make_unique<Warp>());
        std::vector<std::thread> running;
        for (int thread = 0; thread < threads; thread++) {
            running.emplace_back([&, thread] {
                threadIdx = {thread, 0};
                blockIdx = {block % blocks, block / blocks};
                warp_here = warps[thread / 32].get();
                lane_here = thread % 32;
                kernel();
            });
        }
        for (std::thread &thread : running) thread.join();
    }
}
