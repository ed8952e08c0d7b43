const how = document.getElementById('how');
document.getElementById('open').addEventListener('click', () => how.showModal());
document.getElementById('shut').addEventListener('click', () => how.close());
