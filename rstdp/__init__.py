"""Reward-modulated STDP in a deep convolutional spiking network (Mozafari et al. 2019), small and exact.

Read in this order: encoding, neuron, layers, competition, plasticity, network, training; kernels is the fast path.
"""

__version__ = "0.1.0"
