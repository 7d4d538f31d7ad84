"""OData 4.0 query options that both simulated services read: `$filter`, `$orderby`, paging and keys."""
