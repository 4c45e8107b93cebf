"""What every study needs: experiments, provenance, results, statistics, one runner with one parser."""
