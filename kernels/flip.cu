// CUDA bodies of flip.py.
KERNEL(orient) {
    for (int c = 0; c < 3; ++c)
        out(y, x, c) = image(y0 + y_by_row * y + y_by_column * x, x0 + x_by_row * y + x_by_column * x, c);
}

KERNEL(rows) {
    for (int x = 0; x < w; ++x)
        for (int c = 0; c < 3; ++c) out(y, x, c) = image(y0 + dy * y, left == 1 ? w - 1 - x : x, c);
}
