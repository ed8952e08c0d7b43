//! The matrix product of candle, on parts of slices.

use gemm::Parallelism;

/// A matrix inside of a slice.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// From a row to the next, in elements.
    pub(crate) row_stride: usize,
    /// From a column to the next, in elements.
    pub(crate) column_stride: usize,
}

impl Matrix<'_> {
    fn is_inside(&self) -> bool {
        reaches(self.rows, self.columns, self.row_stride, self.column_stride) <= self.data.len()
    }
}

/// Elements from the first to behind the last.
fn reaches(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows == 0 || columns == 0 {
        return 0;
    }
    (rows - 1) * row_stride + (columns - 1) * column_stride + 1
}

/// `out = scale × a × b`, or `out += …`; rows of `out` lie `out_stride` elements apart. One thread.
///
/// # Panics
/// If the matrices do not fit to each other or into their slices: a fault of the caller.
#[expect(unsafe_code, reason = "the library takes pointers; that all of them stay inside of their slices is asserted first")]
pub(crate) fn multiply(out: &mut [f32], out_stride: usize, adds: bool, a: Matrix<'_>, b: Matrix<'_>, scale: f32) {
    assert_eq!(a.columns, b.rows, "inner sides differ");
    assert!(a.is_inside() && b.is_inside() && reaches(a.rows, b.columns, out_stride, 1) <= out.len(), "outside of a slice");
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    // SAFETY: every element that the strides reach lies inside of the slices (asserted above), `out` is borrowed alone, and strides of
    // slices fit into `isize`.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            adds,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
