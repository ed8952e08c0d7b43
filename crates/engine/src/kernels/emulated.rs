//! The kernels for GPUs, run by the CPU a thread for a thread (`tests/emulated`): their arithmetic, and how attention is shared out, against
//! candle's own operations. What only a GPU can show (races, speed) is not shown here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::attention::Look;
use super::tiles::{Parts, Tiles};
use crate::model::{Heads, attend_by_products};
use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The program that runs the kernels; compiled once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    &PROGRAM
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let (source, program) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulated/main.cpp"), folder.path().join("emulated"));
            let compiled = Command::new("c++")
                .args(["-std=c++20", "-O1", "-pthread", "-o"])
                .arg(&program)
                .arg(&source)
                .arg("-I")
                .arg(source.parent().unwrap_or(&source))
                .output();
            let compiled = compiled.expect("a C++ compiler is needed (Debian: apt-get install g++)");
            assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
            (folder, program)
        })
        .1
}

/// What a kernel is given, in the order in which the program takes it.
#[derive(Default)]
struct Given(Vec<u8>);

impl Given {
    fn with<const N: usize>(mut self, values: impl IntoIterator<Item = [u8; N]>) -> Self {
        let at = self.0.len();
        self.0.extend([0; 4]);
        let mut count = 0_u32;
        for value in values {
            self.0.extend(value);
            count += 1;
        }
        self.0[at..at + 4].copy_from_slice(&count.to_le_bytes());
        self
    }

    fn integers(self, values: impl IntoIterator<Item = i32>) -> Self {
        self.with(values.into_iter().map(i32::to_le_bytes))
    }

    fn floats(self, values: &[f32]) -> Self {
        self.with(values.iter().map(|value| value.to_le_bytes()))
    }

    fn halves(self, values: &[f32]) -> Self {
        self.with(values.iter().map(|value| ((value.to_bits()) >> 16) as u16).map(u16::to_le_bytes))
    }

    fn run(self) -> Vec<f32> {
        let mut child = Command::new(program()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&self.0).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{:?}", done.status);
        done.stdout.chunks_exact(2).map(|half| f32::from_bits(u32::from(u16::from_le_bytes([half[0], half[1]])) << 16)).collect()
    }
}

/// Numbers that bf16 has.
fn random(rows: usize, width: usize) -> Vec<f32> {
    let numbers = Tensor::randn(0.0_f32, 1.0, (rows, width), &Device::Cpu).unwrap().to_dtype(DType::BF16).unwrap();
    numbers.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn tensor(values: &[f32], width: usize) -> Tensor {
    Tensor::from_slice(values, (values.len() / width, width), &Device::Cpu).unwrap()
}

fn furthest(ours: &[f32], exact: &[f32]) -> f32 {
    assert_eq!(ours.len(), exact.len());
    // something that is not a number is infinitely far away
    ours.iter()
        .zip(exact)
        .map(|(ours, exact)| (ours - exact).abs())
        .map(|away| if away.is_nan() { f32::INFINITY } else { away })
        .fold(0.0, f32::max)
}

#[test]
fn attention_of_many_and_few_rows_is_that_of_products() {
    let looks = (prop::collection::vec((1_usize..24, 0_usize..560), 1..4), any::<bool>());
    let shapes = (prop::sample::select(vec![1_usize, 3, 7]), 1_usize..3, prop::sample::select(vec![16_usize, 80, 128]), 1_usize..40);
    let config = ProptestConfig { cases: 5, max_shrink_iters: 0, failure_persistence: None, ..Default::default() };
    let run = |(group, kv, dim, processors): (usize, usize, usize, usize), (looks, is_causal): (Vec<(usize, usize)>, bool)| {
        let heads = Heads { query: group * kv, kv, dim };
        let mut row = 0;
        let looks: Vec<Look> = looks
            .into_iter()
            .enumerate()
            .map(|(index, (rows, past))| {
                // the first half of the keys lies after the second half
                let (at, span) = (index * 1024, rows + past);
                let cut = (span / 64 * 32).min(480);
                row += rows;
                let keys =
                    [at + 512..at + 512 + cut, at..at + (span - cut).min(512), at + 992..at + 992 + (span - cut).saturating_sub(512)];
                Look { rows: row - rows..row, keys: keys.into_iter().filter(|run| !run.is_empty()).collect(), is_causal }
            })
            .collect();
        let (wide, narrow) = (heads.query * dim, kv * dim);
        let (q, k, v) = (random(row, wide + 2 * narrow), random(3 * 1024, narrow), random(3 * 1024, narrow));
        let queries = tensor(&q, wide + 2 * narrow).narrow(1, 0, wide).unwrap();
        let exact = attend_by_products(&queries, &tensor(&k, narrow), &tensor(&v, narrow), heads, &looks).unwrap();
        let tiles = Tiles::of(&looks, group, kv, processors);
        let mut out = vec![f32::NAN; row * wide];
        for (is_few, Parts { items, wholes, partials }) in [(0, &tiles.many), (1, &tiles.few)] {
            let sizes = [is_few, wide + 2 * narrow, narrow, wide, group, kv, usize::from(is_causal)];
            out = Given::default()
                .integers([0])
                .integers([dim as i32])
                .integers(sizes.map(|size| size as i32))
                .floats(&[std::f32::consts::LOG2_E / (dim as f32).sqrt()])
                .integers(items.as_flattened().iter().copied())
                .integers(wholes.as_flattened().iter().copied())
                .integers(tiles.pieces.iter().copied())
                .integers([(partials * kv * 64 * (dim + 2)) as i32])
                .halves(&q)
                .halves(&k)
                .halves(&v)
                .halves(&out)
                .run();
        }
        // weights and what comes out have eight bits each
        let away = furthest(&out, &exact.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        prop_assert!(away < 0.02, "{away} away: {heads:?}, {looks:?}");
        Ok(())
    };
    TestRunner::new(config).run(&(shapes, looks), |(shape, looks)| run(shape, looks)).unwrap();
}

#[test]
fn rows_are_turned_and_kept() {
    let (heads, kv, dim, rows) = (6_usize, 2_usize, 16_usize, 5_usize);
    let width = (heads + 2 * kv) * dim;
    let (data, bias) = (random(rows, width), random(1, width));
    let positions: Vec<i32> = (0..rows as i32 * 3).map(|index| index * 977 % 4001).collect();
    let axes = [0_i32, 0, 1, 1, 1, 2, 2, 2];
    let frequencies: Vec<f32> = (0..8).map(|index| 0.3_f32.powi(index)).collect();
    let slots = [7_i32, 3, 0, 9, 4];
    let mut exact = data.clone();
    for (row, values) in exact.chunks_exact_mut(width).enumerate() {
        values.iter_mut().zip(&bias).for_each(|(value, bias)| *value += bias);
        for head in values[..(heads + kv) * dim].chunks_exact_mut(dim) {
            for pair in 0..dim / 2 {
                let (sine, cosine) = (positions[row * 3 + axes[pair] as usize] as f32 * frequencies[pair]).sin_cos();
                let (x, y) = (head[pair], head[pair + dim / 2]);
                (head[pair], head[pair + dim / 2]) = (x * cosine - y * sine, y * cosine + x * sine);
            }
        }
    }
    for has_slots in [false, true] {
        let given = Given::default().integers([1]).integers([heads as i32, kv as i32, dim as i32]).floats(&frequencies);
        let given = given.integers(positions.iter().copied()).integers(axes).integers(if has_slots { slots.to_vec() } else { Vec::new() });
        let cache = if has_slots { vec![0.0; 10 * kv * dim] } else { Vec::new() };
        let made = given.halves(&data).halves(&bias).halves(&cache).halves(&cache).run();
        let (ours, cached) = made.split_at(rows * width);
        for row in 0..rows {
            let (exact, ours) = (&exact[row * width..][..width], &ours[row * width..][..width]);
            let (q, kv_width) = (heads * dim, kv * dim);
            assert!(furthest(&ours[..q], &exact[..q]) < 0.03);
            let kept: Vec<f32> = if has_slots {
                let (keys, values) = cached.split_at(10 * kv_width);
                let slot = slots[row] as usize * kv_width;
                [&keys[slot..slot + kv_width], &values[slot..slot + kv_width]].concat()
            } else {
                ours[q..].to_vec()
            };
            assert!(furthest(&kept, &exact[q..]) < 0.03, "row {row}, slots {has_slots}");
        }
    }
}

#[test]
fn gates_and_sums_are_those_of_candle() {
    let (rows, inner) = (7_usize, 34_usize);
    let (data, bias, other) = (random(rows, 2 * inner), random(1, 2 * inner), random(rows, 2 * inner));
    let sizes = [rows as i32, inner as i32];
    let biased = tensor(&data, 2 * inner).broadcast_add(&tensor(&bias, 2 * inner)).unwrap();
    let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (rows, bias) in [(tensor(&data, 2 * inner), Vec::new()), (biased.clone(), bias.clone())] {
        let halves = rows.chunk(2, 1).unwrap();
        let exact = (halves[0].silu().unwrap() * &halves[1]).unwrap();
        let ours = Given::default().integers([2]).integers(sizes).halves(&data).halves(&bias).halves(&[]).run();
        assert!(furthest(&ours, &values(&exact)) < 0.05);
    }
    let sizes = [rows as i32, 2 * inner as i32];
    let ours = Given::default().integers([3]).integers(sizes).halves(&data).halves(&bias).halves(&other).run();
    assert!(furthest(&ours, &values(&(biased + tensor(&other, 2 * inner)).unwrap())) < 0.03);
    let ours = Given::default().integers([3]).integers(sizes).halves(&data).halves(&[]).halves(&other).run();
    assert!(furthest(&ours, &values(&(tensor(&data, 2 * inner) + tensor(&other, 2 * inner)).unwrap())) < 0.03);
}
