"""What requests say and what answers tell, as types: one module for each resource."""
