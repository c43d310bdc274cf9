"""What a site was told beforehand: which items a return should hold, and what a SKU is and is worth."""
