//! The kernels for NVIDIA GPUs (`cuda/kernels.cu`): how they are loaded and launched, and the operations that candle knows them by.
//!
//! Launches take addresses, which nobody can check: the one function that does it is here, and so is everything that tells it sizes.
#![allow(unsafe_code)]

use super::attention::{Columns, Look};
use super::tiles::{FEW, MANY, Parts, Tiles};
use crate::model::Heads;
use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::result::{device::get_mem_pool, mem_pool};
use candle_core::cuda_backend::cudarc::driver::sys::{CUdevice_attribute, CUfunction_attribute, CUmemPool_attribute};
use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaSlice, DevicePtr, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaStorageSlice, WrapErr};
use candle_core::{
    CpuStorage, CudaDevice, CudaStorage, CustomOp1, CustomOp3, DType, Device, InplaceOp1, Layout, Result, Shape, Storage, Tensor, bail,
};
use std::collections::HashMap;
use std::sync::OnceLock;

/// The kernels as the compiler's intermediate code: the driver makes machine code of it for the GPU that is there.
const CODE: &str = include_str!(concat!(env!("OUT_DIR"), "/kernels.ptx"));
/// Values of a head for which there is attention (`FOR_HEADS_OF` of the kernels).
const HEADS: [usize; 5] = [16, 32, 64, 80, 128];
/// Threads of a block of attention; of the others.
const ATTEND_THREADS: u32 = 128;
const THREADS: u32 = 256;
/// Blocks of threads for work that every thread takes its share of.
const MOST_BLOCKS: usize = 4096;
/// Keys of a tile; two tiles each of keys and values lie in shared memory.
const TILE_KEYS: usize = 64;
/// Libraries that candle asks for, each by what it is called where CUDA is installed.
const LIBRARIES: [&[&str]; 3] =
    [&["libcuda.so.1", "libcuda.so"], &["libcublas.so", "libcublas.so.13", "libcublas.so.12"], &["libcurand.so", "libcurand.so.10"]];

/// Why there can be no GPU; candle would panic where a library is not there.
pub(crate) fn find_libraries() -> std::result::Result<(), String> {
    for names in LIBRARIES {
        // SAFETY: NVIDIA's libraries; what runs when they are loaded is theirs, and candle loads them anyway
        let is_there = names.iter().any(|name| unsafe { libloading::Library::new(*name) }.is_ok());
        if !is_there {
            return Err(format!(
                "{} cannot be loaded; install NVIDIA's driver and CUDA's runtime, and name their folders in LD_LIBRARY_PATH, or set \
                 inference.engine.cuda = false",
                names[0]
            ));
        }
    }
    Ok(())
}

/// What a step takes for a while is kept for the next one; the driver gives it back at every wait otherwise, and asking again takes longer than
/// the step's own work.
pub(crate) fn keep_memory(device: &Device) -> Result<()> {
    let Device::Cuda(device) = device else { return Ok(()) };
    let context = device.cuda_stream().context().clone();
    if !context.has_async_alloc() {
        return Ok(());
    }
    let mut most = u64::MAX;
    let threshold = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the pool is the device's own, and the value that this attribute takes is a u64
    unsafe {
        let pool = get_mem_pool(context.cu_device()).w()?;
        mem_pool::set_attribute(pool, threshold, std::ptr::from_mut(&mut most).cast()).w()
    }
}

/// Whether the kernels can do the work of these heads.
pub(crate) fn has_kernels(device: &Device, dtype: DType, heads: Heads) -> bool {
    matches!(device, Device::Cuda(_)) && dtype == DType::BF16 && HEADS.contains(&heads.dim)
}

struct Kernels {
    functions: HashMap<String, CudaFunction>,
    /// Of the GPU.
    processors: usize,
}

/// Loads the kernels; there is one GPU for all engines of a process.
fn kernels(device: &CudaDevice) -> Result<&'static Kernels> {
    static KERNELS: OnceLock<std::result::Result<Kernels, String>> = OnceLock::new();
    let load = || -> Result<Kernels> {
        let context = device.cuda_stream().context().clone();
        let module = context.load_module(CODE.into()).w()?;
        let mut functions = HashMap::new();
        let attention = ["attend_many", "attend_few", "join_many", "join_few"];
        let attention = HEADS.iter().flat_map(|dim| attention.map(|name| (format!("{name}_{dim}"), shared_bytes(*dim))));
        for (name, shared) in attention.chain(["turn", "gate", "add"].map(|name| (name.to_owned(), 0))) {
            let function = module.load_function(&name).w()?;
            if name.starts_with("attend") {
                function.set_attribute(CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared as i32).w()?;
            }
            functions.insert(name, function);
        }
        let processors = context.attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT).w()?;
        Ok(Kernels { functions, processors: processors as usize })
    };
    match KERNELS.get_or_init(|| load().map_err(|error| error.to_string())) {
        Ok(kernels) => Ok(kernels),
        Err(why) => bail!("the kernels cannot be loaded: {why}"),
    }
}

/// `Lines<D>::TILE` four times: two tiles each of keys and values.
fn shared_bytes(dim: usize) -> usize {
    4 * TILE_KEYS * ((dim / 8) | 1) * 16
}

enum Argument {
    At(u64),
    Size(i32),
    Number(f32),
}

impl Argument {
    fn size(size: usize) -> Self {
        Self::Size(size as i32)
    }
}

fn launch(device: &CudaDevice, name: &str, blocks: (usize, usize), threads: u32, shared: usize, arguments: &[Argument]) -> Result<()> {
    let kernels = kernels(device)?;
    let Some(function) = kernels.functions.get(name) else { bail!("there is no kernel {name}") };
    let stream = device.cuda_stream();
    let mut builder = stream.launch_builder(function);
    for argument in arguments {
        match argument {
            Argument::At(address) => builder.arg(address),
            Argument::Size(size) => builder.arg(size),
            Argument::Number(number) => builder.arg(number),
        };
    }
    let config =
        LaunchConfig { grid_dim: (blocks.0 as u32, blocks.1 as u32, 1), block_dim: (threads, 1, 1), shared_mem_bytes: shared as u32 };
    // SAFETY: addresses are those of tensors that live until the stream has come past this, since all of a device's work is on one stream;
    // their sizes were checked by whoever made the arguments, in this file
    unsafe { builder.launch(config) }.w()?;
    Ok(())
}

/// Where a part of a storage begins.
fn address_in(storage: &CudaStorage, layout: &Layout) -> Result<u64> {
    let Some((start, _)) = layout.contiguous_offsets() else { bail!("the kernel takes contiguous rows only") };
    let stream = storage.device().cuda_stream();
    let (begin, size) = match &storage.slice {
        CudaStorageSlice::BF16(slice) => (slice.device_ptr(&stream).0, 2),
        CudaStorageSlice::U32(slice) => (slice.device_ptr(&stream).0, 4),
        CudaStorageSlice::F32(slice) => (slice.device_ptr(&stream).0, 4),
        _ => bail!("the kernel takes bf16, f32 and u32 only"),
    };
    Ok(begin + (start * size) as u64)
}

fn address(tensor: &Tensor) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cuda(storage) => address_in(storage, layout),
        _ => bail!("the kernel takes tensors of the GPU only"),
    }
}

fn address_or_none(tensor: Option<&Tensor>) -> Result<Argument> {
    Ok(Argument::At(tensor.map(address).transpose()?.unwrap_or(0)))
}

fn on_gpu<T>() -> Result<T> {
    bail!("the kernel is for GPUs only")
}

/// Positions of a step's rows, and what turns by them.
pub(crate) struct Turns {
    /// Three for each row.
    positions: Tensor,
    frequencies: Tensor,
    axes: Tensor,
}

impl Turns {
    pub(crate) fn new(positions: &[[u32; 3]], frequencies: &[f32], axes: &[usize], device: &Device) -> Result<Self> {
        let axes: Vec<u32> = axes.iter().map(|axis| *axis as u32).collect();
        Ok(Self {
            positions: Tensor::new(positions.as_flattened(), device)?,
            frequencies: Tensor::new(frequencies, device)?,
            axes: Tensor::new(axes, device)?,
        })
    }
}

/// Where keys and values of a step's rows go.
pub(crate) struct Kept<'a> {
    /// A slot for each row.
    pub(crate) slots: &'a Tensor,
    pub(crate) keys: &'a Tensor,
    pub(crate) values: &'a Tensor,
}

/// Adds biases to rows of `[queries, keys, values]` and turns queries and keys, in place; keys and values are kept if there is a place.
pub(crate) struct Turn<'a> {
    pub(crate) heads: Heads,
    pub(crate) bias: Option<&'a Tensor>,
    pub(crate) turns: &'a Turns,
    pub(crate) kept: Option<Kept<'a>>,
}

impl InplaceOp1 for Turn<'_> {
    fn name(&self) -> &'static str {
        "turn"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> Result<()> {
        on_gpu()
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        let Heads { query, kv, dim } = self.heads;
        let (rows, width) = layout.shape().dims2()?;
        let are_fit = width == (query + 2 * kv) * dim && self.turns.positions.elem_count() == 3 * rows;
        let have_slots = self.kept.as_ref().is_none_or(|kept| kept.slots.elem_count() == rows);
        if !are_fit || !have_slots || self.turns.axes.elem_count() != dim / 2 {
            bail!("rows of {width} values do not fit {:?}", self.heads);
        }
        let kept = self.kept.as_ref();
        let arguments = [
            Argument::At(address_in(storage, layout)?),
            Argument::size(query),
            Argument::size(kv),
            Argument::size(dim),
            address_or_none(self.bias)?,
            Argument::At(address(&self.turns.positions)?),
            Argument::At(address(&self.turns.frequencies)?),
            Argument::At(address(&self.turns.axes)?),
            address_or_none(kept.map(|kept| kept.slots))?,
            address_or_none(kept.map(|kept| kept.keys))?,
            address_or_none(kept.map(|kept| kept.values))?,
        ];
        launch(storage.device(), "turn", (rows, 1), THREADS, 0, &arguments)
    }
}

/// Blocks for work on so many pairs of values.
fn blocks(pairs: usize) -> (usize, usize) {
    (pairs.div_ceil(THREADS as usize).clamp(1, MOST_BLOCKS), 1)
}

/// `silu(gate) × up` of rows `[gate, up]`, biases added first.
pub(crate) struct Gate<'a> {
    pub(crate) bias: Option<&'a Tensor>,
}

impl CustomOp1 for Gate<'_> {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        on_gpu()
    }

    fn cuda_fwd(&self, storage: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let inner = width / 2;
        if !width.is_multiple_of(4) || self.bias.is_some_and(|bias| bias.elem_count() != width) {
            bail!("a gate of {width} values");
        }
        let device = storage.device().clone();
        // SAFETY: the kernel writes all of it
        let out = unsafe { device.alloc(rows * inner)? };
        let out = CudaStorage { slice: CudaStorageSlice::BF16(out), device: device.clone() };
        let shape = Shape::from((rows, inner));
        let arguments = [
            Argument::At(address_in(storage, layout)?),
            address_or_none(self.bias)?,
            Argument::At(address_in(&out, &Layout::contiguous(&shape))?),
            Argument::size(rows),
            Argument::size(inner),
        ];
        launch(&device, "gate", blocks(rows * inner / 2), THREADS, 0, &arguments)?;
        Ok((out, shape))
    }
}

/// Adds to rows in place: the same values to each, and those of another tensor.
pub(crate) struct Add<'a> {
    pub(crate) bias: Option<&'a Tensor>,
    pub(crate) other: Option<&'a Tensor>,
}

impl InplaceOp1 for Add<'_> {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> Result<()> {
        on_gpu()
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        let (rows, width) = layout.shape().dims2()?;
        let fits = |tensor: Option<&Tensor>, size: usize| tensor.is_none_or(|tensor| tensor.elem_count() == size);
        if !width.is_multiple_of(2) || !fits(self.bias, width) || !fits(self.other, rows * width) {
            bail!("sums of rows of {width} values");
        }
        let arguments = [
            Argument::At(address_in(storage, layout)?),
            address_or_none(self.bias)?,
            address_or_none(self.other)?,
            Argument::size(rows),
            Argument::size(width),
        ];
        launch(storage.device(), "add", blocks(rows * width / 2), THREADS, 0, &arguments)
    }
}

/// What a kind of kernel has to do, where it lies on the GPU.
struct OnGpu {
    items: usize,
    items_at: usize,
    wholes: usize,
    wholes_at: usize,
    partials: Option<CudaSlice<f32>>,
}

/// How the attention of a step is shared out; made once for all layers.
pub(crate) struct Plan {
    /// All tables, one after another.
    tables: Tensor,
    pieces_at: usize,
    kinds: [(&'static str, OnGpu); 2],
    is_causal: bool,
    rows: usize,
}

impl Plan {
    pub(crate) fn new(looks: &[Look], heads: Heads, device: &Device) -> Result<Self> {
        let Device::Cuda(gpu) = device else { return on_gpu() };
        let is_causal = looks.iter().any(|look| look.is_causal);
        if looks.iter().any(|look| look.is_causal != is_causal) {
            bail!("looks of both kinds in one step");
        }
        let tiles = Tiles::of(looks, heads.query / heads.kv, heads.kv, kernels(gpu)?.processors);
        let mut tables: Vec<u32> = Vec::new();
        let mut put = |numbers: &[i32]| {
            let at = tables.len();
            tables.extend(numbers.iter().map(|number| *number as u32));
            at
        };
        let mut kind = |Parts { items, wholes, partials }: &Parts, rows: usize| -> Result<OnGpu> {
            let size = partials * heads.kv * rows * (heads.dim + 2);
            Ok(OnGpu {
                items: items.len(),
                items_at: put(items.as_flattened()),
                wholes: wholes.len(),
                wholes_at: put(wholes.as_flattened()),
                // SAFETY: what is read of it was written by the kernel before
                partials: if size == 0 { None } else { Some(unsafe { gpu.alloc(size)? }) },
            })
        };
        let kinds = [("many", kind(&tiles.many, MANY)?), ("few", kind(&tiles.few, FEW)?)];
        let pieces_at = put(&tiles.pieces);
        let rows = looks.iter().map(|look| look.rows.len()).sum();
        Ok(Self { tables: Tensor::new(tables, device)?, pieces_at, kinds, is_causal, rows })
    }
}

/// Attention over rows of three tensors (which may be the same one), as [`super::attention::Attend`] on the CPU.
pub(crate) struct Attend<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) heads: Heads,
    pub(crate) q: Columns,
    pub(crate) k: Columns,
    pub(crate) v: Columns,
}

impl CustomOp3 for Attend<'_> {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        on_gpu()
    }

    fn cuda_fwd(
        &self,
        q: &CudaStorage,
        q_layout: &Layout,
        k: &CudaStorage,
        k_layout: &Layout,
        v: &CudaStorage,
        v_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (plan, Heads { query, kv, dim }) = (self.plan, self.heads);
        if self.k.row != self.v.row || q_layout.dims().first() != Some(&plan.rows) {
            bail!("attention of {:?} to {:?}", q_layout.dims(), k_layout.dims());
        }
        let device = q.device().clone();
        let shape = Shape::from((plan.rows, query * dim));
        // SAFETY: the looks of a plan cover all rows
        let out = CudaStorage { slice: CudaStorageSlice::BF16(unsafe { device.alloc(shape.elem_count())? }), device: device.clone() };
        let to = address_in(&out, &Layout::contiguous(&shape))?;
        let from = |storage, layout, columns: Columns| Ok::<_, candle_core::Error>(address_in(storage, layout)? + 2 * columns.first as u64);
        let (q_at, k_at, v_at) = (from(q, q_layout, self.q)?, from(k, k_layout, self.k)?, from(v, v_layout, self.v)?);
        let tables = address(&plan.tables)?;
        let table = |at: usize| Argument::At(tables + 4 * at as u64);
        // scores are powers of two
        let scale = std::f32::consts::LOG2_E / (dim as f32).sqrt();
        let stream = device.cuda_stream();
        for (kind, parts) in &plan.kinds {
            if parts.items == 0 {
                continue;
            }
            let partials = parts.partials.as_ref().map_or(0, |slice| slice.device_ptr(&stream).0);
            let arguments = [
                Argument::At(q_at),
                Argument::size(self.q.row),
                Argument::At(k_at),
                Argument::At(v_at),
                Argument::size(self.k.row),
                table(parts.items_at),
                table(plan.pieces_at),
                Argument::At(to),
                Argument::size(query * dim),
                Argument::At(partials),
                Argument::size(query / kv),
                Argument::Number(scale),
                Argument::size(usize::from(plan.is_causal)),
            ];
            launch(&device, &format!("attend_{kind}_{dim}"), (parts.items, kv), ATTEND_THREADS, shared_bytes(dim), &arguments)?;
            if parts.wholes > 0 {
                let arguments = [
                    table(parts.wholes_at),
                    Argument::At(partials),
                    Argument::At(to),
                    Argument::size(query * dim),
                    Argument::size(query / kv),
                    Argument::Number(scale),
                ];
                launch(&device, &format!("join_{kind}_{dim}"), (parts.wholes, kv), THREADS, 0, &arguments)?;
            }
        }
        Ok((out, shape))
    }
}
