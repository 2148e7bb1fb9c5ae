"""What a lock is tried by: the roads to what is protected, the scenario, what comes from above, races."""
