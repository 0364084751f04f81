// CUDA bodies of flip.py.
KERNEL(orient) {
    for (int c = 0; c < 3; ++c)
        out(y, x, c) = image(y0 + y_by_row * y + y_by_column * x, x0 + x_by_row * y + x_by_column * x, c);
}
