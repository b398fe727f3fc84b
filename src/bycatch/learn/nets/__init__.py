"""Network architectures whose members share one set of batched weights."""
