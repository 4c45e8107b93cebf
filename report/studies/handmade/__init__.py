"""The handmade problem (the paper's figure 3) over many seeds: STDP against R-STDP, and every open choice both ways."""
