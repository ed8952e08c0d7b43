// Runs the kernels that a test asks for: numbers come on standard input, what they made of them goes to standard output.
#include <cstdio>
#include <cstdlib>
typedef unsigned short bf16;
typedef unsigned int u32;
#include "../../src/kernels/cuda/kernels.cu"

template <class T> static std::vector<T> take() {
    int count;
    if (fread(&count, 4, 1, stdin) != 1) exit(2);
    std::vector<T> values(count);
    if (count && fread(values.data(), sizeof(T), count, stdin) != (size_t)count) exit(2);
    return values;
}
template <class T> static void give(const std::vector<T> &values) { fwrite(values.data(), sizeof(T), values.size(), stdout); }
template <class T> static T *some(std::vector<T> &values) { return values.empty() ? nullptr : values.data(); }

template <int D> static void attend_all() {
    std::vector<int> sizes = take<int>();
    int is_few = sizes[0], q_row = sizes[1], kv_row = sizes[2], out_row = sizes[3], group = sizes[4], kv_heads = sizes[5], is_causal = sizes[6];
    float scale = take<float>()[0];
    std::vector<int> items = take<int>(), wholes = take<int>(), pieces = take<int>();
    std::vector<float> partials(take<int>()[0], NAN);
    std::vector<bf16> q = take<bf16>(), k = take<bf16>(), v = take<bf16>(), out = take<bf16>();
    const Item *parts = (const Item *)items.data();
    const Whole *joined = (const Whole *)wholes.data();
    int count = items.size() * 4 / sizeof(Item), joins = wholes.size() * 4 / sizeof(Whole);
    launch(count, kv_heads, ATTEND_THREADS, 4 * Lines<D>::TILE, [&] {
        if (is_few) attend<D, 1, 4>(q.data(), q_row, k.data(), v.data(), kv_row, parts, pieces.data(), out.data(), out_row, partials.data(), group, scale, is_causal);
        else attend<D, 4, 1>(q.data(), q_row, k.data(), v.data(), kv_row, parts, pieces.data(), out.data(), out_row, partials.data(), group, scale, is_causal);
    });
    launch(joins, kv_heads, 64, 0, [&] {
        if (is_few) join<D, WARP_ROWS>(joined, partials.data(), out.data(), out_row, group, scale);
        else join<D, 4 * WARP_ROWS>(joined, partials.data(), out.data(), out_row, group, scale);
    });
    give(out);
}

int main() {
    int kernel = take<int>()[0];
    if (kernel == 0) {
        switch (take<int>()[0]) {
        case 16: attend_all<16>(); break;
        case 80: attend_all<80>(); break;
        case 128: attend_all<128>(); break;
        default: return 2;
        }
    } else if (kernel == 1) {
        std::vector<int> sizes = take<int>();
        std::vector<float> frequencies = take<float>();
        std::vector<u32> positions = take<u32>(), axes = take<u32>(), slots = take<u32>();
        std::vector<bf16> rows = take<bf16>(), bias = take<bf16>(), keys = take<bf16>(), values = take<bf16>();
        launch(positions.size() / 3, 1, 64, 0, [&] {
            turn(rows.data(), sizes[0], sizes[1], sizes[2], some(bias), positions.data(), frequencies.data(), axes.data(), some(slots), some(keys), some(values));
        });
        give(rows);
        give(keys);
        give(values);
    } else {
        std::vector<int> sizes = take<int>();
        std::vector<bf16> rows = take<bf16>(), bias = take<bf16>(), other = take<bf16>();
        int count = sizes[0], width = sizes[1];
        if (kernel == 2) {
            std::vector<bf16> out(count * width);
            launch(3, 1, 64, 0, [&] { gate(rows.data(), some(bias), out.data(), count, width); });
            give(out);
        } else {
            launch(3, 1, 64, 0, [&] { add(rows.data(), some(bias), some(other), count, width); });
            give(rows);
        }
    }
    return 0;
}
