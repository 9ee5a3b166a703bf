DELETE FROM did_watermarks
